/** Rules for com.microsoft's products with quantised weights: MatMulNBits, MatMulBnb4, GatherBlockQuantized. */
import { DTYPES } from '../../../../base/dtype.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, reshapeTo, sliceAxis } from '../compose.js'
import { bitsOf, dequantizedBlocks, lookedUp, unpacked, zeroPoints, type Bits } from './packed-bits.js'

const required = (call: NodeCall, name: string): number => call.attrs.int(name, undefined) ?? call.fail('bad-attribute', `${name} is missing`)

/** `x` times the transpose of `weight`, [N, K], plus a bias. */
function product(call: NodeCall, x: Value, weight: Value, bias: Value | null): Value {
  const operands = [x, castTo(call, weight, dtypeOf(x))], attrs = { trans_a: false, trans_b: true }
  return bias === null ? call.emit('matmul', operands, attrs) : call.emit('add', [call.add('matmul', operands, attrs), bias])
}

const matMulNBits: Rule = (call) => {
  call.arity(3, 6)
  call.attrs.ignore('accuracy_level')
  const columns = required(call, 'N'), depth = required(call, 'K'), size = required(call, 'block_size'), bits = bitsOf(call)
  if (call.optional(4) !== null) call.fail('unsupported-op', 'MatMulNBits with g_idx is not supported', 'quantise the model without reordering its rows (desc_act = false)')
  if (call.attrs.int('weight_prepacked', 0) !== 0) call.fail('unsupported-op', 'MatMulNBits with weights that are packed for one device is not supported', 'export the model with weight_prepacked = 0')
  const blocks = Math.ceil(depth / size), zeros = call.optional(3)
  const bytes = reshapeTo(call, call.input(1), [columns, blocks * size * bits / 8])
  const integers = sliceAxis(call, unpacked(call, bytes, bits), 1, 0, depth)
  const perBlock = (v: Value): Value => reshapeTo(call, v, [columns, blocks])
  const weight = dequantizedBlocks(call, {
    integers, size, scales: perBlock(call.input(2)),
    zeros: zeros === null ? 2 ** (bits - 1) : perBlock(zeroPoints(call, packedRows(call, zeros, columns, blocks, bits), bits, blocks)),
  })
  return product(call, call.input(0), weight, call.optional(5))
}

/** Zero points of [N, bytes of a row], where older models have one axis only. */
function packedRows(call: NodeCall, zeros: Value, columns: number, blocks: number, bits: Bits): Value {
  return reshapeTo(call, zeros, [columns, dtypeOf(zeros) === 'uint8' ? Math.ceil(blocks * bits / 8) : blocks])
}

/** The values of 4 bits: sign, then thirds and twelfths (FP4); quantiles of a normal distribution (NF4, arXiv 2305.14314 appendix E). */
const FP4 = [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4]
const NF4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
  0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
]

const matMulBnb4: Rule = (call) => {
  call.arity(3)
  call.attrs.ignore('training_mode')
  const columns = required(call, 'N'), depth = required(call, 'K'), size = required(call, 'block_size'), type = required(call, 'quant_type')
  if (!call.attrs.bool('transB', true)) call.fail('unsupported-op', 'MatMulBnb4 with transB = 0 is not supported')
  if (type !== 0 && type !== 1) call.fail('bad-attribute', `quant_type is ${type}, not 0 (FP4) or 1 (NF4)`)
  const count = columns * depth, dtype = dtypeOf(call.input(2))
  const table = call.constant(fromNumbers(dtype, [16], type === 1 ? NF4 : [...FP4, ...FP4.map((v) => -v)]))
  const numbers = lookedUp(call, table, sliceAxis(call, unpacked(call, call.input(1), 4, true), 0, 0, count))
  const weight = dequantizedBlocks(call, { integers: numbers, size, scales: call.input(2), zeros: 0 })
  return product(call, call.input(0), reshapeTo(call, weight, [columns, depth]), null)
}

/** Bytes that hold the packed elements of a constant of 4 bits. */
function bytesOfNibbles(call: NodeCall, v: Value): Value {
  const data = v.data, shape = shapeOf(v), last = shape[shape.length - 1]
  if (data === undefined || typeof last !== 'number' || last % 2 !== 0) return call.fail('unsupported-dtype', `${dtypeOf(v)} elements must be a constant with an even last extent`)
  return call.constant({ dtype: 'uint8', shape: [...data.shape.slice(0, -1), last / 2], data: data.data })
}

const gatherBlockQuantized: Rule = (call) => {
  call.arity(3, 4)
  const rank = call.shape(0).length, size = call.attrs.int('block_size', 128), given = call.dtype(0), indices = call.input(1)
  if (given !== 'uint8' && given !== 'uint4' && given !== 'int4') call.fail('unsupported-dtype', `GatherBlockQuantized of ${given} is not supported`, 'uint8, uint4 and int4 are')
  const bits = given === 'uint8' ? bitsOf(call) : 4
  if (given !== 'uint8') call.attrs.ignore('bits')
  const gathered = call.axis(call.attrs.int('gather_axis', 0), rank), blocked = call.axis(call.attrs.int('quantize_axis', 1), rank)
  if (gathered !== 0 || blocked !== rank - 1 || rank < 2) call.fail('unsupported-op', `GatherBlockQuantized along axis ${gathered} in blocks along axis ${blocked} is not supported`, 'rows can be gathered, with blocks along the last axis')
  const rows = (v: Value): Value => call.add('gather', [v, indices], { axis: 0 })
  const bytes = (v: Value): Value => (DTYPES[dtypeOf(v)].bits < 8 ? bytesOfNibbles(call, v) : v)
  // Nibbles of int4 count from -8: with the sign bit turned round, 8 is their zero.
  const signed = given === 'int4'
  const integersOf = (v: Value): Value => {
    const raw = unpacked(call, rows(bytes(v)), bits)
    return signed ? call.add('bitwise_xor', [raw, call.scalar('uint8', 8)]) : raw
  }
  const scales = rows(call.input(2)), zeros = call.optional(3), blocks = shapeOf(scales).at(-1)
  if (typeof blocks !== 'number') return call.fail('shape-not-static', 'scales must have an extent that is known while compiling')
  const zero = zeros === null ? (given === 'uint4' ? 0 : 2 ** (bits - 1)) : sliceAxis(call, integersOf(zeros), shapeOf(scales).length - 1, 0, blocks)
  return dequantizedBlocks(call, { integers: integersOf(call.input(0)), scales, zeros: zero, size })
}

/** Products with, and gathers from, weights of 2 to 8 bits. */
export const QUANTIZED_PRODUCTS: RuleTable = {
  MatMulNBits: always(matMulNBits),
  MatMulBnb4: always(matMulBnb4),
  GatherBlockQuantized: always(gatherBlockQuantized),
}
