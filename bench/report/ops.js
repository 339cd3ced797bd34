/** Tables of single operations. */
import { geometricMean } from '../measure.js'
import { ms, percent, ratio, table } from '../table.js'

const TITLES = {
  products: 'Matrix products (m × k × n; the second operand is a constant unless said otherwise)',
  resnet: 'Convolutions of ResNet-50, with bias and ReLU',
  mobilenet: 'Convolutions of MobileNetV2, with bias and ReLU6',
  depthwise: 'Depthwise 3×3 convolutions of MobileNetV2, with bias and ReLU6',
  quantised: 'Quantised products (m × k × n) and convolutions: bytes times constant signed bytes, summed as int32',
  rows: 'Rows, elements and tiny operations',
}

const peerCells = ({ ingot, web, native, tfjs, jax }, others) => [ms(web.ms), ms(native.ms), ...(others ? [ms(tfjs?.ms), ms(jax?.ms)] : []), ratio(web.ms / ingot.ms), ratio(native.ms / ingot.ms)]

function groupTable(results) {
  const others = results.some(({ times }) => times.tfjs !== undefined || times.jax !== undefined), counted = results.some((r) => r.flops !== undefined && r.bytes === undefined)
  const exact = results.some((r) => r.exactMs !== undefined)
  const head = ['operation', 'Ingot ms', ...(counted ? ['GFLOP/s', 'of the peak'] : []), ...(exact ? ['exact GFLOP/s'] : []), ...(results.some((r) => r.bytes !== undefined) ? ['GB/s'] : []), 'onnxruntime-web', 'onnxruntime-node', ...(others ? ['tfjs', 'jax-js'] : []), '× web', '× node']
  const rows = results.map(({ name, flops, bytes, times, stepMs, peakGflops, exactMs }) => {
    const gflops = flops === undefined ? undefined : flops / stepMs / 1e6
    return [
      name, ms(times.ingot.ms), ...(counted ? (gflops === undefined ? ['', ''] : [gflops.toFixed(1), percent(gflops / peakGflops)]) : []), ...(exact ? [exactMs === undefined ? '' : (flops / exactMs / 1e6).toFixed(1)] : []),
      ...(head.includes('GB/s') ? [bytes === undefined ? '' : (bytes / stepMs / 1e6).toFixed(1)] : []), ...peerCells(times, others),
    ]
  })
  const means = ['web', 'native'].map((peer) => `**${ratio(geometricMean(results.map(({ times }) => times[peer].ms / times.ingot.ms)))}**`)
  return table(head, [...rows, ['**geometric mean**', ...head.slice(1, -2).map(() => ''), ...means]])
}

/** What 200 operations cost beyond one, for each. */
function tinySentence(results) {
  const find = (name) => results.find((r) => r.name === name)?.times.ingot.ms
  const many = find('200 products of 4×4'), one = find('one product of 4×4')
  return many === undefined || one === undefined ? undefined : `A call costs ${(1e3 * one).toFixed(2)} µs with its feeds and results; of 200 products in a row each takes ${((1e3 * (many - one)) / 199).toFixed(3)} µs, its arithmetic included.`
}

/** For each Node every group. */
export function opSections(measured) {
  return measured.flatMap(({ node, results }) => {
    const groups = Object.keys(TITLES).filter((group) => results.has(group)).map((group) => results.get(group))
    const peaks = groups.flatMap((g) => g.results.map((r) => r.peakGflops))
    return [
      `## Single operations, Node ${node.version.slice(1)}`,
      `Milliseconds are those of a call, with copying in and out. GFLOP/s and GB/s are those of the operation's own steps, those of a convolution with a pooling before it and a mean after it (so that its channels lie as the program likes; its border counts), of operations counted by definition: convolutions by Winograd's transforms need fewer, and exact ones (\`--exact\`) do without. The peak is that of a bare micro-kernel (${groups[0].peak}) in turns with them, ${Math.min(...peaks).toFixed(0)}–${Math.max(...peaks).toFixed(0)} GFLOP/s. tfjs and jax-js load no ONNX, so they have only what was built for them by hand, and their operands are there already.`,
      ...groups.flatMap(({ group, results: found }) => [`### ${TITLES[group]}`, groupTable(found), ...(group === 'rows' ? [tinySentence(found)] : [])]),
    ]
  })
}
