/** Tables of what is measured in whole processes, and of where the time goes. */
import { kilobytes, megabytes, ms, percent, ratio, table } from '../table.js'

/** Start, sizes and memory. */
export function coldSection(cold, compiled, sizes) {
  if (cold.size === 0) return undefined
  const rows = [...cold.values()].map(({ name, figures: { idle, ingot, web, native } }) => {
    const size = compiled.get(name), above = (f) => megabytes(1024 * (f.peakKib - idle.peakKib))
    return [name, ms(ingot.firstMs), ms(web.firstMs), ms(native.firstMs), ratio(web.firstMs / ingot.firstMs), above(ingot), above(web), above(native), kilobytes(size?.gzipBytes ?? NaN), megabytes(size?.weightBytes ?? NaN)]
  })
  const idle = [...cold.values()].map(({ figures }) => figures.idle.firstMs).toSorted((a, b) => a - b)
  return `## Start, memory and size

Milliseconds from the start of a process to its first result: Ingot loads the compiled artefact, the others the ONNX file. Node itself
takes ${ms(idle[idle.length >> 1])} of them. Memory is the most that the process held, above a process that does nothing. Code is everything in
the artefact but the weights (both variants of all kernels, and the header), compressed with gzip.

${table(['model', 'Ingot ms', 'onnxruntime-web', 'onnxruntime-node', '× web', 'Ingot MiB', 'onnxruntime-web', 'onnxruntime-node', 'code kB', 'weights MiB'], rows)}

${sizes === undefined ? '' : table(['runtime', 'kB', 'gzip'], [['Ingot', sizes.runtime], ['onnxruntime-web (ort.wasm)', sizes.web]].map(([name, s]) => [name, kilobytes(s.bytes), kilobytes(s.gzipBytes)]))}`
}

/** The three models that are worst beside native code, by kind of kernel. */
export function stepSection(steps, models) {
  const measured = [...models.values()].filter((m) => m.threads === 1 && steps.has(m.name)).map((m) => ({ ...m, over: m.times.native.ms / m.times.ingot.ms })).toSorted((a, b) => a.over - b.over).slice(0, 3)
  if (measured.length === 0) return undefined
  const sections = measured.map(({ name, over }) => {
    const { ms: total, kinds } = steps.get(name), shown = kinds.filter((k) => k.ms >= 0.02 * total)
    const rows = shown.map((k) => [k.kind, k.steps, ms(k.ms), percent(k.ms / total), k.flops > 0 ? (k.flops / k.ms / 1e6).toFixed(1) : '', (k.bytes / k.ms / 1e6).toFixed(1)])
    return `### ${name}: ${ratio(over)} of native speed\n\n${table(['kind of step', 'steps', 'ms', 'of the time', 'GFLOP/s', 'GB/s'], rows)}`
  })
  return `## Where the time goes\n\nThe three models that are slowest beside onnxruntime-node, from \`session.profile()\`; kinds below 2 % are left out.\n\n${sections.join('\n\n')}`
}
