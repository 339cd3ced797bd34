import { describe, expect, it } from 'vitest'
import { simplestFraction } from '../../../src/ir/ops/resize-coordinates.js'
import { counting, f32, f32Type, inferred, numbers, random, run } from './nn-run.js'

const attrsOf = (rank: number, shape: readonly number[], more: object = {}) => ({
  mode: 'linear', coordinates: 'half_pixel', nearest_mode: 'round_prefer_floor', cubic_a: -0.75, exclude_outside: false, extrapolation: 0,
  scales: new Array<number>(rank).fill(NaN), roi: [...new Array<number>(rank).fill(0), ...new Array<number>(rank).fill(1)], antialias: false, shape, ...more,
})
const line = (elements: readonly number[], to: number, more: object = {}): number[] => numbers(run('resize', [f32([elements.length], elements)], attrsOf(1, [to], more)))

describe('resize', () => {
  it('repeats elements with nearest', () => {
    expect(line([1, 2, 3], 6, { mode: 'nearest', coordinates: 'asymmetric', nearest_mode: 'floor' })).toEqual([1, 1, 2, 2, 3, 3])
  })

  it('rounds halves as nearest_mode says', () => {
    const at = (nearest_mode: string): number[] => line([10, 20, 30, 40], 8, { mode: 'nearest', coordinates: 'asymmetric', nearest_mode })
    expect(at('floor')).toEqual([10, 10, 20, 20, 30, 30, 40, 40])
    expect(at('ceil')).toEqual([10, 20, 20, 30, 30, 40, 40, 40])
    expect(at('round_prefer_floor')).toEqual([10, 10, 20, 20, 30, 30, 40, 40])
    expect(at('round_prefer_ceil')).toEqual([10, 20, 20, 30, 30, 40, 40, 40])
  })

  it('interpolates between pixel centres with half_pixel, and keeps the edge beyond them', () => {
    expect(line([0, 4], 4)).toEqual([0, 1, 3, 4])
  })

  it('keeps both ends with align_corners', () => {
    expect(line([0, 3, 9], 5, { coordinates: 'align_corners' })).toEqual([0, 1.5, 3, 6, 9])
  })

  it('scales from the first element with asymmetric', () => {
    expect(line([0, 4], 4, { coordinates: 'asymmetric' })).toEqual([0, 2, 4, 4])
  })

  it('takes the first element where pytorch_half_pixel makes one of many', () => {
    expect(line([3, 5, 7], 1, { coordinates: 'pytorch_half_pixel' })).toEqual([3])
    expect(line([3, 5, 7], 1, { coordinates: 'half_pixel' })).toEqual([5])
  })

  it('crops to the region of interest and extrapolates outside with tf_crop_and_resize', () => {
    expect(line([0, 10, 20], 3, { coordinates: 'tf_crop_and_resize', roi: [0.5, 1.5], extrapolation: -1 })).toEqual([10, 20, -1])
  })

  it('keeps a symmetric centre with half_pixel_symmetric where the scale does not fit', () => {
    const y = line([1, 2, 3, 4], 2, { coordinates: 'half_pixel_symmetric', scales: [0.6] })
    expect((y[0] as number) + (y[1] as number)).toBeCloseTo(5, 6)
  })

  it('reproduces a straight line with cubic, away from the edges', () => {
    const y = line([0, 1, 2, 3, 4, 5, 6, 7], 16, { mode: 'cubic', cubic_a: -0.5 })
    for (let i = 4; i < 12; i++) expect(y[i]).toBeCloseTo((i + 0.5) / 2 - 0.5, 6)
  })

  it('weighs only elements inside with exclude_outside', () => {
    expect(line([2, 2, 2], 7, { mode: 'cubic', exclude_outside: true }).every((v) => Math.abs(v - 2) < 1e-6)).toBe(true)
    expect(line([0, 4], 4, { exclude_outside: true })).toEqual([0, 1, 3, 4])
  })

  it('averages all it covers with antialias', () => {
    // scale 1/2: the triangle reaches 2 either way, weights 1/8 3/8 3/8 1/8 around each centre
    expect(line([0, 0, 8, 0, 0, 0], 3, { antialias: true })[1]).toBeCloseTo(3, 6)
    expect(line([0, 0, 8, 0], 2)).toEqual([0, 4])
  })

  it('changes each axis on its own', () => {
    const x = random([3, 4], 1)
    const both = run('resize', [x], attrsOf(2, [5, 7], { mode: 'cubic' }))
    const rows = run('resize', [x], attrsOf(2, [5, 4], { mode: 'cubic' }))
    const then = run('resize', [rows], attrsOf(2, [5, 7], { mode: 'cubic' }))
    numbers(both).forEach((v, i) => { expect(v).toBeCloseTo(numbers(then)[i] as number, 12) })
  })

  it('leaves axes that keep their extent exactly as they are', () => {
    const x = counting([2, 3])
    for (const coordinates of ['half_pixel', 'align_corners', 'asymmetric', 'tf_crop_and_resize']) expect(run('resize', [x], attrsOf(2, [2, 3], { mode: 'cubic', coordinates })).data).toEqual(x.data)
  })

  it('refuses unknown modes and lists of wrong length', () => {
    expect(() => line([1], 2, { mode: 'area' })).toThrow(/mode 'area' is not known/)
    expect(() => line([1], 2, { coordinates: 'half' })).toThrow(/it must be one of half_pixel/)
    expect(() => inferred('resize', [f32Type(2, 2)], attrsOf(1, [3]))).toThrow(/shape needs 2 entries but has 1/)
  })
})

describe('simplestFraction', () => {
  it('finds the fraction that a float32 stands for', () => {
    expect([2, 0.5, 1.5, Math.fround(0.6), Math.fround(1 / 3), Math.fround(2.3)].map(simplestFraction)).toEqual([[2, 1], [1, 2], [3, 2], [3, 5], [1, 3], [23, 10]])
  })
})
