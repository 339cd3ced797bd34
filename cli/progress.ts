/** One line of progress on a terminal, rewritten in place; nothing where stderr is no terminal. */
import pc from 'picocolors'

export interface ProgressLine { step(name: string): void; done(): void }

/** A line on stderr that says which step runs. */
export function progressLine(title: string): ProgressLine {
  const live = process.stderr.isTTY === true
  return {
    step(name) { if (live) process.stderr.write(`\r\x1b[2K${pc.dim(`${title}: ${name}`)}`) },
    done() { if (live) process.stderr.write('\r\x1b[2K') },
  }
}

/** Rows as text with aligned columns; numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => { widths[i] = Math.max(widths[i] ?? 0, cell.length) })
  const numeric = (cell: string): boolean => /^[-+]?[\d.,]+(?:e[-+]?\d+)?(?: ?(?:ms|µs|s|kB|MB|B|%))?$/.test(cell)
  return rows.map((row) => row.map((cell, i) => (numeric(cell) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ').trimEnd()).join('\n')
}
