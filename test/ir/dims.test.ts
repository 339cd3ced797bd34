import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { add, ceilDiv, dimsEqual, divExact, floorDiv, max, min, mod, mul, product, select, sub, substituteDim, type Dim } from '../../src/ir/dims.js'
import { parseDim, printDim, printShape } from '../../src/ir/dims-text.js'
import { at, bindings, canonical, rawDim } from './dim-arbitraries.js'

describe('dims', () => {
  it('keep their value when they are simplified', () => {
    fc.assert(fc.property(rawDim, bindings, (dim, values) => {
      // + 0 makes -0 plain zero
      expect(at(canonical(dim), values) + 0).toBe(at(dim, values) + 0)
    }), { seed: 11, numRuns: 2000 })
  })

  it('are canonical: simplifying again changes nothing', () => {
    fc.assert(fc.property(rawDim, (dim) => {
      const once = canonical(dim)
      expect(dimsEqual(canonical(once), once), printDim(once)).toBe(true)
    }), { seed: 12, numRuns: 2000 })
  })

  it('read back from their text as they were', () => {
    fc.assert(fc.property(rawDim, (dim) => {
      const once = canonical(dim)
      expect(parseDim(printDim(once))).toEqual(once)
    }), { seed: 13, numRuns: 2000 })
  })

  it('equal polynomials are equal data', () => {
    const left = mul(add('a', 'b'), add('a', mul(-1, 'b')))
    expect(left).toEqual(sub(mul('a', 'a'), mul('b', 'b')))
    expect(sub(add('past', 'seq'), 'past')).toBe('seq')
    expect(product(['b', 4, 'h', 2])).toEqual(['*', 8, 'b', 'h'])
  })

  it('divide exactly where they can, and not where they cannot', () => {
    expect(divExact(mul(6, 'a', 'b'), mul(2, 'b'))).toEqual(['*', 3, 'a'])
    expect(divExact(add(mul('a', 'a'), mul(-1, 'b', 'b')), add('a', 'b'))).toEqual(add('a', mul(-1, 'b')))
    expect(divExact('a', 'b')).toBeUndefined()
    expect(divExact('a', 0)).toBeUndefined()
  })

  it('split what a divisor divides from what it leaves', () => {
    expect(floorDiv(add(mul(4, 'a'), 5), 4)).toEqual(add('a', 1))
    expect(floorDiv(floorDiv('a', 2), 3)).toEqual(['floordiv', 'a', 6])
    expect(mod(add(mul(4, 'a'), 5), 4)).toBe(1)
    expect(ceilDiv('a', 2)).toEqual(['floordiv', ['+', 'a', 1], 2])
  })

  it('order what differs by a number, and keep apart what does not', () => {
    expect(min('a', add('a', 1))).toBe('a')
    expect(max('a', add('a', 1))).toEqual(['+', 'a', 1])
    expect(min('b', 'a')).toEqual(['min', 'a', 'b'])
    expect(select('c', 'a', 'a')).toBe('a')
  })

  it('take expressions for symbols', () => {
    expect(substituteDim(add('a', mul(2, 'b')), (s) => (s === 'b' ? add('a', 1) : undefined))).toEqual(['+', ['*', 3, 'a'], 2])
  })
})

describe('the text of dims', () => {
  it.each<[Dim, string]>([
    [add(mul(4, 'h'), 1), '4*h + 1'], [sub('a', 'b'), 'a - b'], [mul(-1, 'a'), '-a'], [floorDiv(add('h', 1), 2), 'floordiv(h + 1, 2)'],
    ['batch size', '`batch size`'], ['a`b\\c\n', '`a\\`b\\\\c\\n`'], ['', '``'], ['3', '`3`'],
  ])('%j is %s', (dim, text) => {
    expect(printDim(dim)).toBe(text)
    expect(parseDim(text)).toEqual(dim)
  })

  it('reads what people write, by the usual precedence', () => {
    expect(parseDim('2 + 3*a - (b + 1)*2')).toEqual(add(mul(3, 'a'), mul(-2, 'b')))
    expect(parseDim('(a + 1) / 2 % 3')).toEqual(mod(floorDiv(add('a', 1), 2), 3))
    expect(printShape(['batch', 3, add('h', 1)])).toBe('[batch, 3, h + 1]')
  })

  it.each([['', /a number or a name expected at the end/], ['a +', /expected at the end/], ['(a', /'\)' expected/], ['a b', /nothing more expected before 'b'/], ['a ? b', /from character 2/], ['`a', /cannot read/]])('%s is refused', (text, message) => {
    expect(() => parseDim(text)).toThrow(message)
  })
})
