/** Tables and numbers of the document. */

/** A Markdown table; the first column is text, the others numbers as text, empty where there is none. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell ?? '').join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** Milliseconds with three digits. */
export const ms = (x) => (x === undefined ? '' : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x >= 0.01 ? x.toFixed(3) : x.toFixed(4))
export const ratio = (x) => (x === undefined || Number.isNaN(x) ? '' : x.toFixed(2))
export const percent = (x) => `${(100 * x).toFixed(0)} %`
export const kilobytes = (bytes) => (bytes / 1000).toFixed(bytes < 99_500 ? 1 : 0)
export const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(1)
