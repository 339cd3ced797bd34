/** Probabilities of classes from those of pairs of them. */
import type { HostTensor } from '../../base/dtype.js'
import { add, max, mul, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, cast, indexValue, load, local, REGISTER, selectExpr, unary, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { eachOf, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { printShape } from '../dims-text.js'
import { fromNumbers } from '../host-tensor.js'
import { tensorType, type TensorType } from '../types.js'
import { numbersOf } from './elements.js'
import { minus, negated, number, over, plus, times } from './expressions.js'
import { kernelOf } from './hand-written.js'
import { checkShape, tensorInput } from './operands.js'

/** Rounds, or one for each class where there are more, and the error times the number of classes at which they end. */
const ROUNDS = 100, ENOUGH = 0.005

function coupled(r: (i: number, j: number) => number, classes: number, f: (v: number) => number): number[] {
  const all = Array.from({ length: classes }, (_, i) => i), p = all.map(() => f(1 / classes))
  const q = all.map((i) => all.map((j) => (i === j ? all.reduce((sum, k) => (k === i ? sum : f(sum + f(r(k, i) * r(k, i)))), 0) : f(-f(r(j, i) * r(i, j))))))
  for (let round = 0; round < Math.max(ROUNDS, classes); round++) {
    const qp = all.map((i) => all.reduce((sum, j) => f(sum + f((q[i]?.[j] as number) * (p[j] as number))), 0))
    let whole = all.reduce((sum, i) => f(sum + f((p[i] as number) * (qp[i] as number))), 0)
    if (Math.max(...qp.map((v) => Math.abs(f(v - whole)))) < ENOUGH / classes) break
    for (const i of all) {
      const own = q[i]?.[i] as number, by = f(f(whole - (qp[i] as number)) / own), grown = f(1 + by)
      p[i] = f((p[i] as number) + by)
      whole = f(f(f(whole + f(by * f(f(by * own) + f(2 * (qp[i] as number))))) / grown) / grown)
      for (const j of all) {
        qp[j] = f(f((qp[j] as number) + f(by * (q[i]?.[j] as number))) / grown)
        p[j] = f((p[j] as number) / grown)
      }
    }
  }
  return p
}

function reference({ inputs, outputs }: ReferenceCall<unknown>): HostTensor[] {
  const [pairs] = inputs as readonly [HostTensor], [out] = outputs as readonly [ConcreteType], [rows, classes] = out.shape as readonly [number, number], from = numbersOf(pairs), round = out.dtype === 'float64' ? (v: number): number => v : Math.fround
  return [fromNumbers(out.dtype, out.shape, Array.from({ length: rows }, (_, n) => coupled((i, j) => from[(n * classes + i) * classes + j] as number, classes, round)).flat())]
}

/** A row after the other; what a round leaves off is not begun once a row is done. */
function kernel(ctx: ComputeContext<unknown>): Kernel {
  const [y] = ctx.outputs as readonly [TensorType], [rows, classes] = y.shape as readonly [Dim, Dim], type = REGISTER[y.dtype], reg = (name: string): Expr => local(name, type), float = (value: number): Expr => number(type, value), count = reg('classes')
  const cell = (i: Dim, j: Dim): Dim => add(mul(add(mul('n', classes), i), classes), j), at = (i: Dim): Dim => add(mul('n', classes), i)
  const r = (i: Dim, j: Dim): Expr => load('x0', [cell(i, j)]), q = (i: Dim, j: Dim): Expr => load('q', [cell(i, j)]), p = (i: Dim): Expr => load('y0', [at(i)]), qp = (i: Dim): Expr => load('qp', [at(i)])
  const isOwn = binary('eq', indexValue('i'), indexValue('j'))
  const begin: readonly Stmt[] = [
    letBe('classes', type, cast(type, indexValue(classes))),
    loopTo('i', classes, [
      storeTo('y0', at('i'), over(float(1), count)), varOf('own_sum', type, float(0)),
      loopTo('j', classes, [storeTo('q', cell('i', 'j'), negated(times(r('j', 'i'), r('i', 'j')))), setTo('own_sum', plus(reg('own_sum'), selectExpr(isOwn, float(0), times(r('j', 'i'), r('j', 'i')))))]),
      storeTo('q', cell('i', 'i'), reg('own_sum')),
    ]),
    varOf('error', type, float(Infinity)),
  ]
  const measure: readonly Stmt[] = [
    varOf('whole', type, float(0)),
    loopTo('i', classes, [varOf('sum', type, float(0)), loopTo('j', classes, [setTo('sum', plus(reg('sum'), times(q('i', 'j'), p('j'))))]), storeTo('qp', at('i'), reg('sum')), setTo('whole', plus(reg('whole'), times(p('i'), reg('sum'))))]),
    setTo('error', float(0)),
    loopTo('i', classes, [setTo('error', binary('max', reg('error'), unary('abs', minus(qp('i'), reg('whole')))))]),
  ]
  const correct = loopTo('i', classes, [
    letBe('own', type, q('i', 'i')), letBe('held', type, qp('i')), letBe('by', type, over(minus(reg('whole'), reg('held')), reg('own'))), letBe('grown', type, plus(float(1), reg('by'))),
    storeTo('y0', at('i'), plus(p('i'), reg('by'))),
    setTo('whole', over(over(plus(reg('whole'), times(reg('by'), plus(times(reg('by'), reg('own')), times(float(2), reg('held'))))), reg('grown')), reg('grown'))),
    loopTo('j', classes, [storeTo('qp', at('j'), over(plus(qp('j'), times(reg('by'), q('i', 'j'))), reg('grown'))), storeTo('y0', at('j'), over(p('j'), reg('grown')))]),
  ])
  const enough = over(float(ENOUGH), count), goesOn = unary('not', binary('lt', reg('error'), enough))
  return kernelOf('couple_pairs', ctx, [eachOf('n', rows, [...begin, loopTo('round', max(ROUNDS, classes), [when(goesOn, [...measure, when(goesOn, [correct])])])])], {
    temps: [{ name: 'q', dtype: y.dtype, length: mul(rows, classes, classes) }, { name: 'qp', dtype: y.dtype, length: mul(rows, classes) }],
  })
}

/** The second method of Wu, Lin and Weng, Probability Estimates for Multi-class Classification by Pairwise Coupling, as libsvm has it, which ends early. */
export const couplePairs = defineOp({
  name: 'couple_pairs',
  doc: 'The probabilities [N, classes] of classes for which those of pairs [N, classes, classes], that of i against j at [i, j], agree best; found in rounds until they agree well enough.',
  source: 'ONNX ai.onnx.ml SVMClassifier-1 with prob_a; libsvm multiclass_probability',
  attrs: {}, pattern: 'opaque',
  infer(call, ctx) {
    const pairs = tensorInput(call, 0, ['float32', 'float64']), [rows, classes, others] = pairs.shape as readonly [Dim, Dim, Dim]
    checkShape(pairs.shape.length === 3, `pairs ${printShape(pairs.shape)} are a square for each row`)
    ctx.assume(classes, others, 'each class has a probability against each')
    return [tensorType(pairs.dtype, [rows, classes])]
  },
  reference, kernel,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 2, 2], data: [0, 0.7, 0.3, 0, 0, 0.05, 0.95, 0] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [2, 3, 3], data: [0, 0.9, 0.6, 0.1, 0, 0.3, 0.4, 0.7, 0, 0, 0.2, 0.2, 0.8, 0, 0.5, 0.8, 0.5, 0] }], attrs: {} },
    { inputs: [{ dtype: 'float64', shape: [1, 2, 2], data: [0, 0.999, 0.001, 0] }], attrs: {} },
    { inputs: [{ dtype: 'float32', shape: [0, 4, 4] }], attrs: {} },
  ],
})
