// Table key: the key of a row in the users' tables, in the one spelling that the worker looks up.

import { addressKey, ok, parseAddress, parseDomain, type Result } from "@sesame/core";

/** The table key that the worker looks up: lower case, A-labels, `*@domain` for a catch-all. */
export function tableKey(text: string): Result<string> {
  if (text.startsWith("*@")) {
    const domain = parseDomain(text.slice(2));
    return domain.ok ? ok(`*@${domain.value}`) : domain;
  }
  const address = parseAddress(text);
  return address.ok ? ok(addressKey(address.value)) : address;
}
