import { describe, it } from 'vitest'
import { einsum } from '../../../src/tracer/functions/einsum.js'
import * as f from '../../../src/tracer/functions/functional.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectEveryWay } from '../every-way.js'
import { ints, seeded } from './values.js'

const x = (n: number): Tensor => seeded([n, 4, 6], n).float()

describe('composed functions, compiled and through ONNX, compute what they do eagerly', () => {
  const functions: Readonly<Record<string, (x: Tensor) => unknown>> = {
    'sort, topk and argsort': (t) => [t.sort(2, { descending: true }).values, t.topk(3, 1).indices, t.argsort(0)],
    'max with positions, var and norm': (t) => [t.max(1).values, t.max(1).indices, t.var(2), t.norm(2, 0)],
    'scatters and masks': (t) => [t.scatterAdd(2, t.argsort(2), t), t.indexAdd(1, ints([1, 1, 0, 3]), t), t.maskedFill(t.gt(0), 2)],
    'rolls, repeats and diagonals': (t) => [t.roll(2, 1), t.flip(2), t.repeatInterleave(2, 2), t.diagonal(1, 1, 2), t.pad([1, 0, 2, 0])],
    'einsum and losses': (t) => [einsum('nab,ncb->nac', t, t), f.crossEntropy(t, t.softmax(1)), f.huberLoss(t, t.neg())],
  }
  it.each(Object.entries(functions))('%s', async (_, fn) => { await expectEveryWay(fn, [{ shape: ['n', 4, 6] }], [[x(1)], [x(3)]]) })
})
