/** Tables of WebGPU in a browser: what a run asks of the device, how long it takes, and how soon a page has its first result. */
import { geometricMean } from '../measure.js'
import { kilobytes, megabytes, ms, ratio, table } from '../table.js'

const pair = (of, show = String) => [show(of('ingot')), show(of('onnxruntime'))]
const heads = (...names) => names.flatMap((name) => [`${name}: Ingot`, 'onnxruntime'])

function countTable(all) {
  const rows = all.map(({ name, counts }) => [name, ...['dispatches', 'submits', 'buffers', 'bindGroups'].flatMap((key) => pair((who) => counts[who][key])), ...pair((who) => counts[who].uploaded + counts[who].copied + counts[who].read, kilobytes)])
  return table(['model', ...heads('dispatches', 'submits', 'new buffers', 'bind groups', 'kB moved')], rows)
}

function timeTable(all) {
  const rows = all.map(({ name, times: { ingot, onnxruntime } }) => ({ over: onnxruntime.ms / ingot.ms, cells: [name, ms(ingot.ms), ms(onnxruntime.ms), ratio(onnxruntime.ms / ingot.ms)] }))
  return table(['model', 'Ingot ms', 'onnxruntime-web', '× web'], [...rows.map((r) => r.cells), mean(rows, 2)])
}

const mean = (rows, empty) => ['**geometric mean**', ...Array.from({ length: empty }, () => ''), `**${ratio(geometricMean(rows.map((r) => r.over)))}**`]

function startTable(all) {
  const rows = all.map(({ name, cold: { ingot, onnxruntime } }) => ({
    over: onnxruntime.firstMs / ingot.firstMs,
    cells: [name, ms(ingot.firstMs), ms(onnxruntime.firstMs), ratio(onnxruntime.firstMs / ingot.firstMs), ...pair((who) => (who === 'ingot' ? ingot : onnxruntime).model.bytes, megabytes), ...pair((who) => (who === 'ingot' ? ingot : onnxruntime).code.gzipBytes, kilobytes)],
  }))
  return table(['model', 'Ingot ms', 'onnxruntime-web', '× web', 'model MiB: Ingot', 'onnxruntime', 'code kB (gzip): Ingot', 'onnxruntime'], [...rows.map((r) => r.cells), mean(rows, 2)])
}

/** The section, where there are results. */
export function webgpuSection(results) {
  const all = [...results.values()]
  if (all.length === 0) return undefined
  return `## WebGPU in Chromium, on its software adapter

Ingot's \`wgsl\` target and onnxruntime-web's WebGPU provider (its JSPI build, whose files are the smallest), each in a page of its own, on
SwiftShader, which runs shaders on the CPU. Its times say little of GPUs: waits within a workgroup, by which tiled kernels share their
operands, cost it far more than a GPU. Counts and bytes are the same everywhere. The outputs of the two differ by at most ${Math.max(...all.map((r) => r.worst)).toExponential(0)} of the largest.

### What a run asks of the device

Counted in the calls of the page, once the shapes are known. Moved are uploads, copies from buffer to buffer, and what is mapped to be read.

${countTable(all)}

### Runs in turns

${timeTable(all)}

### From navigation to the first result

Each page in a new browser: fetch the code, fetch the model (an artefact, or the ONNX file) from a server on this machine, find the
device, make the pipelines, run.

${startTable(all)}`
}
