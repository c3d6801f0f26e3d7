/**
 * Of an object's fields those whose value is known: to be spread into one whose optional fields are
 * absent where there is no value (`exactOptionalPropertyTypes`). For every room. Pure.
 */

/** What is being put together: nobody else has it yet. */
export type Draft<Of> = { -readonly [Name in keyof Of]: Of[Name] }

type Known<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** The same object where all are known: what is only spread needs no copy. */
export function known<Fields extends object>(fields: Fields): Known<Fields> {
  for (const name in fields) if (fields[name] === undefined) return presentOf(fields)
  return fields
}

function presentOf<Fields extends object>(fields: Fields): Known<Fields> {
  const present: Partial<Fields> = {}
  for (const name in fields) if (fields[name] !== undefined) present[name] = fields[name]
  return present as Known<Fields>
}
