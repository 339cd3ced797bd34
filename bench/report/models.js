/** Tables of whole models. */
import { geometricMean } from '../measure.js'
import { ms, ratio, table } from '../table.js'

const simd = (version) => (Number(/\d+/.exec(version)[0]) >= 22 ? 'relaxed SIMD' : 'baseline SIMD')
const isLight = (name) => name.startsWith('light_')

function timesTable(results) {
  const rows = results.map(({ name, times: { ingot, web, native } }) => ({ name, cells: [ms(ingot.ms), ms(web.ms), ms(native.ms)], overWeb: web.ms / ingot.ms, overNative: native.ms / ingot.ms }))
  const mean = ['**geometric mean**', '', '', '', ...['overWeb', 'overNative'].map((key) => `**${ratio(geometricMean(rows.map((r) => r[key])))}**`)]
  return table(['model', 'Ingot ms', 'onnxruntime-web', 'onnxruntime-node', '× web', '× node'], [...rows.map((r) => [r.name, ...r.cells, ratio(r.overWeb), ratio(r.overNative)]), mean])
}

function threadsTable(one, two) {
  const rows = two.flatMap((t) => {
    const single = one.find((o) => o.name === t.name)
    return single === undefined ? [] : [{ name: t.name, single, two: t, gain: single.times.ingot.ms / t.times.ingot.ms, webGain: single.times.web.ms / t.times.web.ms, overWeb: t.times.web.ms / t.times.ingot.ms, overNative: t.times.native.ms / t.times.ingot.ms }]
  })
  return table(['model', 'Ingot ms', '× one thread', 'same bytes', 'onnxruntime-web', '× its one thread', '× web', '× node'], rows.map((r) => [
    r.name, ms(r.two.times.ingot.ms), ratio(r.gain), r.single.digest === r.two.digest ? 'yes' : 'NO', ms(r.two.times.web.ms), ratio(r.webGain), ratio(r.overWeb), ratio(r.overNative),
  ]))
}

/** How far from onnxruntime's outputs they are at most, in a sentence. */
const agreement = (results) => `The outputs of all differ from onnxruntime-node's by at most ${Math.max(...results.map((r) => r.worst)).toExponential(0)} of the largest.`

/** For each Node the models, the light nets and two threads. */
export function modelSections(measured) {
  return measured.flatMap(({ node, results }) => {
    const all = [...results.values()], one = all.filter((r) => r.threads === 1), two = all.filter((r) => r.threads === 2)
    const whole = one.filter((r) => !isLight(r.name)), light = one.filter((r) => isLight(r.name))
    return [
      ...(whole.length > 0 ? [`## Models, Node ${node.version.slice(1)} (${simd(node.version)})`, timesTable(whole), agreement(one)] : []),
      ...(light.length > 0 ? ['ONNX’s light nets, whose weights are all one number:', timesTable(light)] : []),
      ...(two.length > 0 ? [`### Two threads, Node ${node.version.slice(1)}`, threadsTable(one, two)] : []),
    ]
  })
}
