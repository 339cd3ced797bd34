/** docs/ops.md: every ONNX operator that can be imported, and every op record as a row. */
import type { Op } from '../src/ir/op.js'
import { OPS } from '../src/ir/ops/index.js'
import { RULES } from '../src/tracer/onnx/rules/index.js'

const kernelsOf = (op: Op): string => {
  if (op.pattern === 'alias') return 'none needed'
  if (op.kernel !== undefined) return 'hand-written'
  return op.scalar !== undefined || op.compute !== undefined ? 'generated' : 'interpreter only'
}

/** The operators of a domain, each with the first opset that it is right for where that is not the domain's first. */
function operatorsOf(domain: string): string {
  const rules = Object.entries(RULES.get(domain) ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return rules.map(([name, versions]) => `\`${name}\`${(versions[0]?.since ?? 1) > 1 ? ` (from ${versions[0]?.since})` : ''}`).join(', ')
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

## ONNX operators

Of the default domain, ${Object.keys(RULES.get('') ?? {}).length}, with the first opset where it is not 1: ${operatorsOf('')}.

Of com.microsoft, which onnxruntime's tools write into models that they optimise or quantise, ${Object.keys(RULES.get('com.microsoft') ?? {}).length}: ${operatorsOf('com.microsoft')}. What an operator can say
and Ingot cannot do, such as a quantised cache of keys, is refused while the model is imported. Of ai.onnx.preview: ${operatorsOf('ai.onnx.preview')}.

Of ai.onnx.ml, which scikit-learn, LightGBM and XGBoost are exported to, ${Object.keys(RULES.get('ai.onnx.ml') ?? {}).length}, with the first version of the domain where it is not 1: ${operatorsOf('ai.onnx.ml')}.
Labels and categories are integers. Of a classifier whose labels are strings the scores can be kept alone (\`outputs\`, \`--result\`); a \`ZipMap\` gives the matrix of scores,
a column for each of its labels in order, in place of maps.

Random operators (\`RandomNormal\`, \`RandomUniform\`, what is like them, \`Bernoulli\`, \`Multinomial\`) give the same numbers in every run and on every target, but for rounding: those of
their \`seed\`, or without one those of their place among the random nodes of the model. For other numbers, make them an input of the model.

## Ops of graphs

| op | what | attributes | pattern | kernel | source |
|---|---|---|---|---|---|
${rows.join('\n')}
`
}
