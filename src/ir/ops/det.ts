/** Determinants of square matrices, by elimination. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { add, mul, product, type Dim } from '../dims.js'
import { printShape } from '../dims-text.js'
import { fromNumbers } from '../host-tensor.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, indexValue, load, local, REGISTER, selectExpr, unary, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { eachOf, indexFrom, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { numbersOf } from './elements.js'
import { minus, negated, number, over, times } from './expressions.js'
import { kernelOf } from './hand-written.js'
import { checkShape, FLOATS, tensorInput } from './operands.js'

function reference({ inputs, outputs }: ReferenceCall<unknown>): HostTensor[] {
  const [x] = inputs as readonly [HostTensor], [out] = outputs as readonly [ConcreteType], n = x.shape.at(-1) as number, from = numbersOf(x)
  return [fromNumbers(out.dtype, out.shape, Array.from({ length: elementCount(out.shape) }, (_, m) => determinant(Array.from({ length: n }, (__, i) => Array.from({ length: n }, (___, j) => from[(m * n + i) * n + j] as number)))))]
}

/** Expands along the first column, which is slow and needs no division. */
function determinant(rows: readonly (readonly number[])[]): number {
  if (rows.length === 0) return 1
  return rows.reduce((sum, row, i) => sum + (i % 2 === 0 ? 1 : -1) * (row[0] as number) * determinant(rows.filter((_, k) => k !== i).map((r) => r.slice(1))), 0)
}

/** Rows are exchanged so that each step divides by the greatest element of its column. */
function kernel(ctx: ComputeContext<unknown>): Kernel {
  const [x] = ctx.inputs as readonly [TensorType], type = REGISTER[x.dtype], n = x.shape.at(-1) as Dim, count = product(x.shape.slice(0, -2))
  const at = (i: Dim, j: Dim): Dim => add(mul('m', n, n), mul(i, n), j), element = (i: Dim, j: Dim): Expr => load('a', [at(i, j)])
  const next = (variable: string, lo: Dim, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable, lo, hi: n, step: 1, body })
  const best = local('best', type), pivot = local('pivot', type), det = local('det', type), zero = number(type, 0)
  const exchange = next('j', 'k', [letBe('held', type, element('k', 'j')), storeTo('a', at('k', 'j'), element('row', 'j')), storeTo('a', at('row', 'j'), local('held', type))])
  const eliminate = next('i', add('k', 1), [
    letBe('factor', type, selectExpr(binary('eq', pivot, zero), zero, over(element('i', 'k'), pivot))),
    next('j', add('k', 1), [storeTo('a', at('i', 'j'), minus(element('i', 'j'), times(local('factor', type), element('k', 'j'))))]),
  ])
  const step: readonly Stmt[] = [
    varOf('best', type, unary('abs', element('k', 'k'))), varOf('from', 'i32', indexValue('k')),
    next('i', add('k', 1), [letBe('size', type, unary('abs', element('i', 'k'))), when(binary('gt', local('size', type), best), [setTo('best', local('size', type)), setTo('from', indexValue('i'))])]),
    indexFrom('row', local('from', 'i32'), n),
    when(binary('ne', local('from', 'i32'), indexValue('k')), [exchange, setTo('det', negated(det))]),
    letBe('pivot', type, element('k', 'k')), setTo('det', times(det, pivot)), eliminate,
  ]
  return kernelOf('det', ctx, [eachOf('m', count, [
    loopTo('e', mul(n, n), [storeTo('a', add(mul('m', n, n), 'e'), load('x0', [add(mul('m', n, n), 'e')]))]),
    varOf('det', type, number(type, 1)), loopTo('k', n, step), storeTo('y0', 'm', det),
  ])], { temps: [{ name: 'a', dtype: type === 'f64' ? 'float64' : 'float32', length: mul(count, n, n), apart: true }] })
}

/** ONNX Det. */
export const det = defineOp({
  name: 'det', doc: 'The determinant of the matrix in the last two axes; 1 of one without elements.', source: 'ONNX Det-22; torch.linalg.det', attrs: {}, pattern: 'opaque',
  infer(call, ctx) {
    const x = tensorInput(call, 0, FLOATS), [rows, columns] = x.shape.slice(-2)
    checkShape(rows !== undefined && columns !== undefined, `det needs matrices, not ${printShape(x.shape)}`)
    ctx.assume(rows as Dim, columns as Dim, 'a matrix that has a determinant is square')
    return [tensorType(x.dtype, x.shape.slice(0, -2))]
  },
  reference, kernel,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 3] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [2, 3, 5, 5] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [4, 2, 2], data: [0, 1, 1, 0, 1, 2, 2, 4, 0, 0, 0, 3, -2, 1, 4, 7] }], attrs: {} },
    { inputs: [{ dtype: 'float64', shape: [2, 4, 4] }], attrs: {} },
    { inputs: [{ dtype: 'float16', shape: [3, 3, 3] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [2, 1, 1] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [2, 0, 0] }], attrs: {} },
  ],
})
