/** @jsxImportSource hono/jsx */
// Plots: the last hour as bars, and times as lines, as SVG in the page. Labels are HTML around it, so that they stay readable on
// a narrow screen, and the numbers are there as a table too. A least scale keeps a quiet night calm.

import type { FC } from "hono/jsx";
import { type Counted, type MinuteCounts, minutesKept, total } from "./minutes.ts";
import { Time } from "./parts.tsx";
import type { Situation } from "./situation.ts";
import { quantile } from "./time-samples.ts";
import { ageText, numberText, spanText } from "./words.ts";

const width = 600;
const minuteMs = 60_000;

const stacked = [
  ["delivered", "Delivered"],
  ["blocked", "Blocked"],
  ["again", "Try again"],
  ["failed", "Not delivered"],
] as const satisfies readonly (readonly [Counted, string])[];

/** The least round number of the series 4, 8, 16, 20, 40, 80, 200, 400, … that is not below a value. */
export function scaleFor(value: number, least: number): number {
  for (let ten = 1; ten < 1e12; ten *= 10)
    for (const step of [1, 2, 4, 8]) if (step * ten >= least && step * ten >= value) return step * ten;
  return value;
}

const second = 1;
const minute = 60;
const hour = 3600;
const spans = [
  ...[4, 8, 10, 20, 40, 60].map((count) => count * second),
  ...[2, 4, 8, 12, 20, 40, 60].map((count) => count * minute),
  ...[2, 4, 8, 12, 24, 48, 96, 192, 384].map((count) => count * hour),
];

/** The least scale in seconds, of those that people read easily, that is not below a value. */
export function spanScaleFor(seconds: number, least: number): number {
  return spans.find((span) => span >= least && span >= seconds) ?? seconds;
}

const Axis: FC<{ minutes: readonly MinuteCounts[]; marks: readonly number[] }> = ({ minutes, marks }) => (
  <div class="x">
    {marks.map((index) => (
      <Time at={minutes[index]?.at ?? 0} to="minute" />
    ))}
    <span>now</span>
  </div>
);

const Lines: FC<{ height: number }> = ({ height }) => (
  <>
    <path class="grid" d={`M0 .5H${width}`} />
    <path class="grid" d={`M0 ${height / 2}H${width}`} />
  </>
);

/** 60 bars of attempts that ended. */
export const LastHour: FC<{ minutes: readonly MinuteCounts[] }> = ({ minutes }) => {
  const height = 150;
  const most = Math.max(...minutes.map((minute) => stacked.reduce((sum, [name]) => sum + minute[name], 0)));
  const scale = scaleFor(most, 4);
  const step = width / minutesKept;
  return (
    <section class="card" id="hour" aria-labelledby="hour-title">
      <div class="head">
        <h2 id="hour-title">Last hour</h2>
        <small class="end">mails per minute</small>
      </div>
      <ul class="legend">
        {stacked.map(([name, words]) => (
          <li>
            <b>{numberText(total(minutes, name))}</b>
            <span>
              <i class={`key k-${name}`} />
              {words}
            </span>
          </li>
        ))}
        <li>
          <b>{numberText(total(minutes, "forwarded"))}</b>
          <span>Forwarded</span>
        </li>
        <li>
          <b>{numberText(total(minutes, "replies"))}</b>
          <span>Replies</span>
        </li>
      </ul>
      <div class="plot">
        <div class="y" aria-hidden="true">
          <span>{numberText(scale)}</span>
          <span>{numberText(scale / 2)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label="Attempts that ended in each minute of the last hour. The numbers are below."
        >
          <Lines height={height} />
          {minutes.map((minute, index) => (
            <Bar minute={minute} x={index * step + 1} width={step - 2} scale={scale} height={height} />
          ))}
        </svg>
        <Axis minutes={minutes} marks={[0, 15, 30, 45]} />
      </div>
      <Numbers minutes={minutes} />
    </section>
  );
};

const Bar: FC<{ minute: MinuteCounts; x: number; width: number; scale: number; height: number }> = ({
  minute,
  x,
  width,
  scale,
  height,
}) => {
  let below = 0;
  const parts = stacked.filter(([name]) => minute[name] > 0);
  if (parts.length === 0) return null;
  const words = parts.map(([name, text]) => `${minute[name]} ${text.toLowerCase()}`).join(", ");
  return (
    <g>
      <title>{`${new Date(minute.at).toISOString().slice(11, 16)} UTC: ${words}`}</title>
      {parts.map(([name]) => {
        const tall = (minute[name] / scale) * height;
        below += tall;
        const gap = Math.min(1, tall / 2);
        return <rect class={`k-${name}`} x={round(x)} y={round(height - below)} width={round(width)} height={round(tall - gap)} />;
      })}
    </g>
  );
};

const Numbers: FC<{ minutes: readonly MinuteCounts[] }> = ({ minutes }) => {
  const busy = minutes.filter((minute) => stacked.some(([name]) => minute[name] > 0));
  return (
    <details>
      <summary>As numbers</summary>
      <section class="scroll" tabindex={0} aria-label="The last hour as numbers">
        <table>
          <thead>
            <tr>
              <th scope="col">Minute</th>
              {stacked.map(([, words]) => (
                <th scope="col" class="num">
                  {words}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {busy.length === 0 ? (
              <tr>
                <td colspan={5}>No mail in the last hour</td>
              </tr>
            ) : null}
            {busy.map((minute) => (
              <tr>
                <th scope="row">
                  <Time at={minute.at} to="minute" />
                </th>
                {stacked.map(([name]) => (
                  <td class="num">{minute[name]}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
};

type Points = readonly (number | null)[];

/** Lines through the points; a minute without a value breaks the line. */
function lineOf(points: Points, scale: number, height: number): string {
  const step = width / (points.length - 1);
  let isOn = false;
  return points
    .map((value, index) => {
      const command =
        value === null
          ? ""
          : `${isOn ? "L" : "M"}${round(index * step)} ${round(height - 1 - (Math.min(value, scale) / scale) * (height - 2))}`;
      // A single minute is shown as a point.
      const alone = value !== null && !isOn && (points[index + 1] ?? null) === null ? "h1" : "";
      isOn = value !== null;
      return command + alone;
    })
    .join("");
}

const Small: FC<{ scale: number; minutes: readonly MinuteCounts[]; label: string; lines: readonly (readonly [string, Points])[] }> = ({
  scale,
  minutes,
  label,
  lines,
}) => (
  <div class="plot low">
    <div class="y" aria-hidden="true">
      <span>{ageText(scale)}</span>
      <span>0</span>
    </div>
    <svg viewBox={`0 0 ${width} 44`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="grid" d={`M0 .5H${width}`} />
      {lines.map(([name, points]) => (
        <path class={name} d={lineOf(points, scale, 44)} />
      ))}
    </svg>
    <Axis minutes={minutes} marks={[0]} />
  </div>
);

/** Half and nineteen of twenty mails, minute by minute. */
export const TimeToMailbox: FC<{ situation: Situation }> = ({ situation }) => {
  const { samples, minutes, now, lastDelivery } = situation;
  const at = (share: number) =>
    minutes.map((minute) =>
      quantile(
        samples.filter((sample) => sample.at >= minute.at && sample.at < minute.at + minuteMs),
        share,
      ),
    );
  const [half, most] = [at(0.5), at(0.95)];
  const scale = spanScaleFor(Math.max(0, ...most.map((value) => value ?? 0)), 4);
  const [all, nearly] = [quantile(samples, 0.5), quantile(samples, 0.95)];
  const quiet = lastDelivery === null ? "no mail yet" : `nothing in the last ${ageText((now - lastDelivery.at) / 1000)}`;
  const isQuiet = all === null || nearly === null || (lastDelivery !== null && now - lastDelivery.at > 5 * minuteMs);
  return (
    <section class="card" id="ses" aria-labelledby="ses-title">
      <h2 id="ses-title">From SES to the mailbox</h2>
      <p class="number">
        {isQuiet ? (
          `– ${quiet}`
        ) : (
          <>
            <b>{spanText(all)}</b> for half of the mails, {spanText(nearly)} for 95 %
          </>
        )}
      </p>
      <Small
        scale={scale}
        minutes={minutes}
        label="Seconds from SES to the mailbox in the last hour"
        lines={[
          ["most", most],
          ["half", half],
        ]}
      />
    </section>
  );
};

/** The greatest age at which a mail was taken. While nothing is taken it rises. */
export const WaitInQueue: FC<{ situation: Situation }> = ({ situation }) => {
  const { minutes, now, circuits, visible } = situation;
  const stop = circuits.find(({ dependency }) => dependency === "mail-server" || dependency === "ledger");
  const since = stop !== undefined && visible !== 0 ? stop.since : null;
  const taken: Points = minutes.map((minute) => (minute.taken > 0 ? minute.waitSeconds : null));
  const rising: Points = minutes.map((minute) => {
    if (since === null) return null;
    const end = Math.min(now, minute.at + minuteMs);
    return end <= since ? null : (end - since) / 1000;
  });
  const values = [...taken, ...rising].map((value) => value ?? 0);
  const scale = spanScaleFor(Math.max(...values), 10);
  const last = [...taken].reverse().find((value) => value !== null) ?? null;
  return (
    <section class="card" id="wait" aria-labelledby="wait-title">
      <h2 id="wait-title">Wait in the queue</h2>
      <p class="number">
        {since !== null ? (
          <>
            <b>up to {ageText((now - since) / 1000)}</b>, since nothing is taken
          </>
        ) : last === null ? (
          "– no mail yet in this hour"
        ) : (
          <>
            <b>{spanText(last)}</b>, at most {spanText(Math.max(...taken.map((value) => value ?? 0)))} this hour
          </>
        )}
      </p>
      <Small
        scale={scale}
        minutes={minutes}
        label="Longest wait in the queue in each minute of the last hour"
        lines={[
          ["half", taken],
          ["rise", rising],
        ]}
      />
    </section>
  );
};

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
