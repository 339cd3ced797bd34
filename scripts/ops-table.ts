/** docs/ops.md: every op record as a row. */
import type { Op } from '../src/ir/op.js'
import { OPS } from '../src/ir/ops/index.js'

const kernelsOf = (op: Op): string => {
  if (op.pattern === 'alias') return 'none needed'
  if (op.kernel !== undefined) return 'hand-written'
  return op.scalar !== undefined || op.compute !== undefined ? 'generated' : 'interpreter only'
}

/** The document. */
export function opsTable(): string {
  const rows = [...OPS.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map((op) => {
    const attrs = Object.entries(op.attrs).map(([name, kind]) => `${name}: ${kind}`).join(', ')
    return `| \`${op.name}\` | ${op.doc.replaceAll('|', '\\|')} | ${attrs} | ${op.pattern} | ${kernelsOf(op)} | ${op.source.replaceAll('|', '\\|')} |`
  })
  return `# Ops

Generated from the op records in \`src/ir/ops\` by \`npm run docs\`. ${OPS.size} ops. ONNX operators are turned into these by the rules in
\`src/tracer/onnx/rules\`. "Pattern" is what fusion goes by; "interpreter only" ops cannot be compiled yet.

| op | what | attributes | pattern | kernel | source |
|---|---|---|---|---|---|
${rows.join('\n')}
`
}
