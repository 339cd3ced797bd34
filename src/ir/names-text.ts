/**
 * How names stand in text, the same for graphs, values, symbols, ports and attributes: an identifier as it is, any other
 * text in back quotes with `\` before a back quote or a backslash, and line breaks as `\n` and `\r`.
 */
const IDENTIFIER = /^[A-Za-z_$][\w$.]*$/

/** Regular expression source of a name: group 1 is an identifier, group 2 the escaped text between back quotes. */
export const NAME_PATTERN = '([A-Za-z_$][\\w$.]*)|`((?:[^`\\\\]|\\\\.)*)`'

/** The text of a name. */
export function printName(name: string): string {
  if (IDENTIFIER.test(name)) return name
  return `\`${name.replace(/[\\`]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r')}\``
}

/** The name whose escaped text stood between back quotes. */
export function unquoteName(escaped: string): string {
  return escaped.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : c))
}
