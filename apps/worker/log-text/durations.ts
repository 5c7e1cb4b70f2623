// Durations: a number of seconds in words, as exact as a person needs it.

const [minute, hour, day] = [60, 3600, 86_400];

/** `20 ms`, `0.1 s`, `60 s`, `11 min 9 s`, `3 h 5 min`, `2 days 4 h`. */
export function durationText(seconds: number): string {
  if (seconds > 0 && seconds < 0.095) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 100) return `${whole} s`;
  if (whole < hour) return two(whole, [minute, "min"], [1, "s"]);
  if (whole < day) return two(whole, [hour, "h"], [minute, "min"]);
  return two(whole, [day, "days"], [hour, "h"]);
}

type Unit = readonly [seconds: number, name: string];

function two(seconds: number, [large, name]: Unit, [small, rest]: Unit): string {
  const [count, left] = [Math.floor(seconds / large), Math.floor((seconds % large) / small)];
  const first = `${count} ${count === 1 ? name.replace(/^days$/, "day") : name}`;
  return left === 0 ? first : `${first} ${left} ${rest}`;
}
