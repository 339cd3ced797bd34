import { describe, expect, it } from 'vitest'
import { tensor, zeros } from '../../../src/tracer/creation.js'
import { einsum, tensordot } from '../../../src/tracer/functions/einsum.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, doubles, expectNumbers, expectRefusal, ints, numbers, seeded } from './values.js'

const HERE = 'contractions.test.ts'

/** Sums of products by the definition: over all values of all letters. */
function byDefinition(equation: string, operands: readonly Tensor[]): number[] {
  const [left = '', right = ''] = equation.split('->'), terms = left.split(','), sizes = new Map<string, number>()
  terms.forEach((term, i) => { [...term].forEach((l, axis) => sizes.set(l, operands[i]?.shape[axis] as number)) })
  const letters = [...sizes.keys()], out = new Array<number>([...right].reduce((n, l) => n * (sizes.get(l) as number), 1)).fill(0), data = operands.map(numbers)
  const at = new Map<string, number>()
  const flat = (term: string): number => [...term].reduce((n, l) => n * (sizes.get(l) as number) + (at.get(l) as number), 0)
  const visit = (i: number): void => {
    const letter = letters[i]
    if (letter === undefined) { out[flat(right)] = (out[flat(right)] as number) + terms.reduce((p, term, k) => p * (data[k]?.[flat(term)] as number), 1); return }
    for (let v = 0; v < (sizes.get(letter) as number); v++) { at.set(letter, v); visit(i + 1) }
  }
  visit(0)
  return out
}

describe('products of matrices', () => {
  const a = tensor([[1, 2], [3, 4]]), b = tensor([[5, 6], [7, 8]]), v = tensor([1, 10])

  it('mm, mv, dot, outer, inner and bmm: by hand', () => {
    expect(numbers(a.mm(b))).toEqual([19, 22, 43, 50])
    expect([a.mv(v), v.dot(v), v.outer(v), v.inner(a), a.inner(b)].map(numbers)).toEqual([[21, 43], [101], [1, 10, 10, 100], [21, 43], [17, 23, 39, 53]])
    expect(all(a.unsqueeze(0).bmm(b.unsqueeze(0)))).toEqual(['float32', [1, 2, 2], [19, 22, 43, 50]])
    expect(all(ints([[1, 2]]).matmul(tensor([[0.5], [1]])))).toEqual(['float32', [1, 1], [2.5]])
  })

  it('addmm, addmv and baddbmm scale both parts, and leave out what is multiplied by 0', () => {
    expect(numbers(v.addmm(a, b, { beta: 2, alpha: 10 }))).toEqual([192, 240, 432, 520])
    expect(numbers(v.addmv(a, v))).toEqual([22, 53])
    expect(numbers(zeros([2, 2]).baddbmm(a.unsqueeze(0), b.unsqueeze(0)))).toEqual([19, 22, 43, 50])
    expect(numbers(tensor([NaN, NaN]).addmm(a, b, { beta: 0 }))).toEqual([19, 22, 43, 50])
  })

  it('linear multiplies by the transposed weight', () => { expect(numbers(v.linear(tensor([[1, 1], [2, 0], [0, 3]]), tensor([0, 1, 0])))).toEqual([11, 3, 30]) })

  it('write to `out`, and refuse other ranks and extents, with the caller’s line', () => {
    const out = zeros([2, 2])
    expect(a.mm(b, { out })).toBe(out)
    expect(numbers(out)).toEqual([19, 22, 43, 50])
    expectRefusal(() => a.mm(v), 'shape-mismatch', /mm takes tensors with 2 axes, not \[2\]/, HERE)
    expectRefusal(() => a.dot(v), 'shape-mismatch', /dot takes tensors with one axis/, HERE)
    expectRefusal(() => zeros([2, 2, 2]).bmm(zeros([1, 2, 2])), 'shape-mismatch', /equal size/, HERE)
    expectRefusal(() => a.matmul(zeros([3, 2])), 'shape-mismatch', /3/, HERE)
  })
})

describe('einsum', () => {
  const sizes: Readonly<Record<string, number>> = { a: 2, b: 3, c: 4, d: 5, i: 3, j: 3 }
  it.each(['ab->ab', 'ab->ba', 'ab->', 'ab->b', 'ab,bc->ac', 'ab,cb->ca', 'abc,acd->abd', 'ab,ab->', 'ab,ab->a', 'a,b->ab', 'abc,c,b->a', 'ab,bc,cd->ad', 'ii->i', 'ii->', 'iai->ia', 'abc,bd->dca', 'a,a,a->a'])('%s is the sum over all letters', (equation) => {
    const operands = (equation.split('->')[0] as string).split(',').map((term, i) => seeded([...term].map((l) => sizes[l] as number), 20 + i))
    expectNumbers(einsum(equation, ...operands), byDefinition(equation, operands))
  })

  it('sorts the letters of an implicit result, and takes an ellipsis for the axes that are not named', () => {
    const a = seeded([2, 3], 1), b = seeded([3, 4], 2), batch = seeded([5, 2, 3], 3)
    expectNumbers(einsum('ba,ac', a, b), byDefinition('ba,ac->bc', [a, b]))
    expectNumbers(einsum('...ij,jk->...ik', batch, b), byDefinition('zij,jk->zik', [batch, b]))
    expect(einsum('...i->...', batch).shape).toEqual([5, 2])
  })

  it('promotes, gives a tensor of its own, and has the gradients of differences', () => {
    const x = doubles([[1, 2], [3, 4]])
    expect(all(einsum('ij,j->i', ints([[1, 2], [3, 4]]), doubles([1, 0.5])))).toEqual(['float64', [2], [2, 5]])
    expect(einsum('ij->ij', x)).not.toBe(x)
    expectGradients(([a, b, c]) => weightedSum([einsum('ab,bcc,c->ac', a as Tensor, b as Tensor, c as Tensor)]), [leaf([2, 3], 1), leaf([3, 2, 2], 2), leaf([2], 3)], 'einsum')
  })

  it('refuses equations that do not fit, with the caller’s line', () => {
    const x = zeros([2, 3])
    expectRefusal(() => einsum('ab,bc->ac', x), 'bad-attribute', /2 terms for 1 inputs/, HERE)
    expectRefusal(() => einsum('abc->a', x), 'bad-attribute', /term 'abc'/, HERE)
    expectRefusal(() => einsum('ab->c', x), 'bad-attribute', /names an axis that no input has/, HERE)
    expectRefusal(() => einsum('ab->aa', x), 'bad-attribute', /names an axis twice/, HERE)
    expectRefusal(() => einsum('aa->a', x), 'shape-mismatch', /no diagonal/, HERE)
    expectRefusal(() => einsum('ab,bc->ac', x, zeros([2, 2])), 'shape-mismatch', /2|3/, HERE)
  })

  it('tensordot sums over the axes that are named', () => {
    const a = seeded([2, 3, 4], 1), b = seeded([4, 3, 5], 2)
    expectNumbers(tensordot(a, b, [[1, 2], [1, 0]]), byDefinition('abc,cbd->ad', [a, b]))
    expectNumbers(tensordot(a, seeded([3, 4, 2], 3)), byDefinition('abc,bcd->ad', [a, seeded([3, 4, 2], 3)]))
    expect(tensordot(a, b, 0).shape).toEqual([2, 3, 4, 4, 3, 5])
  })
})
