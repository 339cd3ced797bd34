import { describe, expect, it } from 'vitest'
import { arange, ones, tensor, zeros } from '../../../src/tracer/creation.js'
import { broadcastTensors, cat, hstack, meshgrid, stack, vstack } from '../../../src/tracer/functions/joining.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, expectRefusal, ints, numbers } from './values.js'

const HERE = 'movement.test.ts'
const cube = (): Tensor => arange(24).float().view(2, 3, 4)
const count = (n: number): Tensor => arange(n).float()

describe('views by other names', () => {
  it('have the shapes of torch and share memory', () => {
    const x = cube()
    const views: readonly (readonly [Tensor, readonly number[]])[] = [
      [x.movedim(0, 2), [3, 4, 2]], [x.movedim([0, 1], [-1, 0]), [3, 4, 2]], [x.moveaxis(2, 0), [4, 2, 3]], [x.swapaxes(0, 2), [4, 3, 2]], [x.swapdims(0, 1), [3, 2, 4]], [x.select(0, 0).t(), [4, 3]],
      [x.flatten(), [24]], [x.flatten(1), [2, 12]], [x.ravel(), [24]], [x.unflatten(2, [2, -1]), [2, 3, 2, 2]], [x.slice(2, 1, 3), [2, 3, 2]], [x.reshapeAs(zeros([6, 4])), [6, 4]], [x.diagonal(0, 1, 2), [2, 3]],
      [x.narrow(1, 0, 1).expandAs(zeros([2, 5, 4])), [2, 5, 4]], [x.narrow(0, 0, 1).broadcastTo(3, 3, 4), [3, 3, 4]],
    ]
    for (const [view, shape] of views) expect([view.shape, view.sharesStorage(x)]).toEqual([shape, true])
  })

  it('show the right elements', () => {
    const x = cube()
    expect(numbers(x.movedim(2, 0).select(0, 1))).toEqual([1, 5, 9, 13, 17, 21])
    expect(numbers(x.slice(2, 1, null, 2).select(0, 0))).toEqual([1, 3, 5, 7, 9, 11])
    expect([count(6).slice(0, -2), count(6).slice(0, 4, 2), count(6).slice(0, 0, 99, 4), count(6).slice(0, -99, 2)].map(numbers)).toEqual([[4, 5], [], [0, 4], [0, 1]])
    const m = count(12).view(3, 4)
    expect([0, 1, -1, 3, -2, 4, -3].map((k) => numbers(m.diagonal(k)))).toEqual([[0, 5, 10], [1, 6, 11], [4, 9], [3], [8], [], []])
    expect(numbers(m.t().diagonal(1))).toEqual([4, 9])
  })

  it('split into nearly equal parts, or at positions', () => {
    const shapes = (parts: readonly Tensor[]): number[][] => parts.map((p) => numbers(p))
    expect(shapes(count(5).tensorSplit(3))).toEqual([[0, 1], [2, 3], [4]])
    expect(shapes(count(5).tensorSplit([1, 3]))).toEqual([[0], [1, 2], [3, 4]])
    expect(shapes(count(4).hsplit(2))).toEqual([[0, 1], [2, 3]])
    expect(cube().hsplit(3).map((p) => p.shape)).toEqual([[2, 1, 4], [2, 1, 4], [2, 1, 4]])
    expect(cube().vsplit([1]).map((p) => p.shape)).toEqual([[1, 3, 4], [1, 3, 4]])
  })

  it('refuse what does not fit, with the caller’s line', () => {
    expectRefusal(() => cube().t(), 'shape-mismatch', /of matrices/, HERE)
    expectRefusal(() => cube().movedim([0, 0], [1, 2]), 'bad-attribute', /named once/, HERE)
    expectRefusal(() => cube().unflatten(2, [3, 2]), 'shape-mismatch', /\[3, 2\] does not make an axis of 4/, HERE)
    expectRefusal(() => cube().slice(0, 0, 2, 0), 'bad-attribute', /step of 0/, HERE)
    expectRefusal(() => cube().transpose(0, 2).view(24), 'shape-mismatch', /without moving/, HERE)
    expectRefusal(() => cube().transpose(0, 3), 'index-out-of-range', /axis 3/, HERE)
  })
})

describe('copies in another arrangement', () => {
  const m = (): Tensor => count(6).view(2, 3)

  it('flip, roll, repeat, tile and repeatInterleave: by hand', () => {
    expect([m().flip(1), m().flip(0, 1), m().flip(), m().fliplr(), m().flipud()].map(numbers)).toEqual([[2, 1, 0, 5, 4, 3], [5, 4, 3, 2, 1, 0], [5, 4, 3, 2, 1, 0], [2, 1, 0, 5, 4, 3], [3, 4, 5, 0, 1, 2]])
    expect([m().roll(1), m().roll(1, 1), m().roll(-4, 1), m().roll([1, 1], [0, 1])].map(numbers)).toEqual([[5, 0, 1, 2, 3, 4], [2, 0, 1, 5, 3, 4], [1, 2, 0, 4, 5, 3], [5, 3, 4, 2, 0, 1]])
    expect(all(count(2).repeat(2, 3))).toEqual(['float32', [2, 6], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]])
    expect([m().tile(2).shape, m().tile(1, 2, 1).shape]).toEqual([[2, 6], [1, 4, 3]])
    expect([m().repeatInterleave(2, 1), count(3).repeatInterleave(2)].map(numbers)).toEqual([[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], [0, 0, 1, 1, 2, 2]])
    expect(zeros([0, 2]).roll(3, 0).shape).toEqual([0, 2])
    expectRefusal(() => m().repeat(2), 'shape-mismatch', /1 numbers for 2 axes/, HERE)
  })

  it('triangles and diagonals: by hand', () => {
    const x = ones([3, 3])
    expect([x.tril(), x.triu(1), x.tril(-2)].map(numbers)).toEqual([[1, 0, 0, 1, 1, 0, 1, 1, 1], [0, 1, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0, 0]])
    expect([tensor([1, 2]).diag(), tensor([1, 2]).diag(1), tensor([1, 2]).diag(-1), m().diag()].map(numbers)).toEqual([[1, 0, 0, 2], [0, 1, 0, 0, 0, 2, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 2, 0], [0, 4]])
    expect(numbers(m().trace())).toEqual([4])
  })

  it('pad takes pairs from the last axis on, in every mode', () => {
    expect(numbers(count(3).pad([1, 2], 'constant', 9))).toEqual([9, 0, 1, 2, 9, 9])
    expect([count(3).pad([2, 1], 'reflect'), count(3).pad([2, 1], 'replicate'), count(3).pad([2, 1], 'circular')].map(numbers)).toEqual([[2, 1, 0, 1, 2, 1], [0, 0, 0, 1, 2, 2], [1, 2, 0, 1, 2, 0]])
    expect(all(m().pad([0, 1, 1, 0]))).toEqual(['float32', [3, 4], [0, 0, 0, 0, 0, 1, 2, 0, 3, 4, 5, 0]])
    expect(numbers(count(4).pad([-1, -1]))).toEqual([1, 2])
    expectRefusal(() => count(3).pad([1]), 'bad-attribute', /1 numbers do not pad/, HERE)
  })

  it('pixelShuffle and pixelUnshuffle undo each other', () => {
    const x = count(16).view(1, 4, 2, 2)
    expect(all(x.pixelShuffle(2))).toEqual(['float32', [1, 1, 4, 4], [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15]])
    expect(numbers(x.pixelShuffle(2).pixelUnshuffle(2))).toEqual(numbers(x))
    expectRefusal(() => x.pixelShuffle(3), 'shape-mismatch', /multiple of 9/, HERE)
  })
})

describe('joining', () => {
  it('cat and stack promote, and write to `out`', () => {
    expect(all(cat([ints([1]), tensor([0.5])]))).toEqual(['float32', [2], [1, 0.5]])
    expect(all(stack([ints([1, 2]), ints([3, 4])], -1))).toEqual(['int64', [2, 2], [1, 3, 2, 4]])
    const out = zeros([4])
    expect(cat([ones([2]), zeros([2])], 0, { out })).toBe(out)
    expect(numbers(out)).toEqual([1, 1, 0, 0])
  })

  it('hstack and vstack set vectors side by side and one below the other', () => {
    const [a, b] = [tensor([1, 2]), tensor([3, 4])]
    expect([all(hstack([a, b])), all(vstack([a, b]))]).toEqual([['float32', [4], [1, 2, 3, 4]], ['float32', [2, 2], [1, 2, 3, 4]]])
    expect(hstack([ones([2, 1]), ones([2, 3])]).shape).toEqual([2, 4])
  })

  it('meshgrid and broadcastTensors are in the shape of all', () => {
    const [x, y] = meshgrid([tensor([1, 2, 3]), tensor([4, 5])]) as [Tensor, Tensor]
    expect([all(x), all(y)]).toEqual([['float32', [3, 2], [1, 1, 2, 2, 3, 3]], ['float32', [3, 2], [4, 5, 4, 5, 4, 5]]])
    expect(meshgrid([tensor([1, 2, 3]), tensor([4, 5])], 'xy').map(numbers)).toEqual([[1, 2, 3, 1, 2, 3], [4, 4, 4, 5, 5, 5]])
    expect(broadcastTensors(ones([2, 1]), ones([3])).map((t) => t.shape)).toEqual([[2, 3], [2, 3]])
  })

  it('refuses no tensors, and others beside each other, with the caller’s line', () => {
    expectRefusal(() => cat([]), 'bad-attribute', /at least one/, HERE)
    expectRefusal(() => stack([]), 'bad-attribute', /at least one/, HERE)
    expectRefusal(() => cat([ones([2, 2]), ones([2, 3])]), 'shape-mismatch', /2|3/, HERE)
    expectRefusal(() => broadcastTensors(ones([2]), ones([3])), 'shape-mismatch', /2|3/, HERE)
  })
})

it('gradients of what is moved are what differences say', () => {
  const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    flip: (x) => x.flip(0), roll: (x) => x.roll(1, 1), repeat: (x) => x.repeat(2, 1, 2), repeatInterleave: (x) => x.repeatInterleave(2, 0), tril: (x) => x.tril(), diag: (x) => x.select(0, 0).diag(1), diagonal: (x) => x.diagonal(1), pad: (x) => x.pad([1, 1], 'reflect'),
    movedim: (x) => x.movedim(0, 1), slice: (x) => x.slice(1, 0, null, 2), unflatten: (x) => x.unflatten(0, [1, 2]), meshgrid: (x) => cat(meshgrid([x.select(0, 0), x.select(1, 0)])),
  }
  for (const [name, f] of Object.entries(functions)) expectGradients(([x]) => weightedSum([f(x as Tensor)]), [leaf([2, 3], 4)], name)
})
