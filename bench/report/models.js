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

/** Peers are left out: whose threads spin while the others take their turn decides such a comparison. */
function threadsTable(one, two) {
  const rows = two.map((t) => {
    const single = one.find((o) => o.name === t.name)
    return [t.name, ms(t.times.ingot.ms), ratio(t.times.single.ms / t.times.ingot.ms), single === undefined ? '' : single.digest === t.digest ? 'yes' : '**no**']
  })
  return table(['model', 'Ingot ms', '× one thread', 'same bytes'], rows)
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
      ...(two.length > 0 ? [`### Two threads, Node ${node.version.slice(1)}`, 'Ingot with one thread and with two in turns, before any peer starts.', threadsTable(one, two)] : []),
    ]
  })
}
