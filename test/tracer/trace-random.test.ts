import { expect, it } from 'vitest'
import { IngotError, inferenceMode, interpret, noGrad, randn, toNumbers, trace, type HostTensor, type Tensor } from '../../src/index.js'
import { seededRandom } from '../../src/ir/host-tensor.js'
import { verifyGraph } from '../../src/ir/verify.js'

/** A program of `steps` random views, copies and in-place changes of `pool`, the same for the same seed; what is refused is left out. */
function runRandom(seed: number, steps: number, pool: Tensor[]): Tensor[] {
  const random = seededRandom(seed), below = (n: number): number => Math.floor(random() * n)
  for (let step = 0; step < steps; step++) {
    const t = pool[below(pool.length)] as Tensor, other = pool[below(pool.length)] as Tensor
    const choice = below(14), a = below(4), b = below(4)
    if (t.ndim > 4) continue
    const axis = a % Math.max(t.ndim, 1), extent = t.shape[axis]
    const attempt = (make: () => Tensor): void => {
      try {
        pool.push(make())
      } catch (error) {
        if (!(error instanceof IngotError) || !['shape-mismatch', 'overlap-inplace', 'index-out-of-range', 'bad-attribute'].includes(error.code)) throw error
      }
    }
    switch (choice) {
      case 0: attempt(() => t.select(axis, typeof extent === 'number' ? below(Math.max(extent, 1)) : 0)); break
      case 1: if (typeof extent === 'number') attempt(() => t.narrow(axis, below(extent), 1 + below(2))); break
      case 2: attempt(() => t.transpose(axis, b % Math.max(t.ndim, 1))); break
      case 3: attempt(() => t.view(-1)); break
      case 4: attempt(() => t.reshape(-1)); break
      case 5: attempt(() => t.unsqueeze(axis)); break
      case 6: attempt(() => t.flatten(0, Math.min(1, t.ndim - 1))); break
      case 7: attempt(() => t.squeeze()); break
      case 8: attempt(() => t.clone()); break
      case 9: attempt(() => t.unsqueeze(0).expand(2, ...t.shape.map(() => -1))); break
      case 10: attempt(() => t.add_(step)); break
      case 11: attempt(() => t.mul_(1.5)); break
      case 12: if (t.shape.length === other.shape.length && t.shape.every((d, i) => d === other.shape[i])) attempt(() => t.sub_(other)); break
      case 13: if (other.ndim === 0) attempt(() => t.copy_(other)); break
    }
  }
  return pool
}

const numbers = (t: HostTensor): string => `[${t.shape.join()}] ${Array.from(toNumbers(t)).join(' ')}`

it.each([['in inference mode', inferenceMode], ['without gradients in normal mode', noGrad]] as const)('random programs of views and in-place changes give the same traced, at fixed and at symbolic extents, %s', (_, mode) => {
  let changed = 0, compared = 0
  for (let seed = 0; seed < 40; seed++) {
    const x = (): Tensor => randn([3, 4], { seed }), y = (): Tensor => randn([2, 3], { seed: seed + 1 })
    // A captured tensor that is changed would keep the change in eager code, so each run has its own.
    const program = (a: Tensor, captured: Tensor): Tensor[] => runRandom(seed, 24, [a.mul(1), captured])
    const captured = mode(y), before = numbers(captured)
    const eager = mode(() => program(x(), y()))
    const graph = mode(() => trace((a: Tensor) => program(a, captured), [{ shape: [3, 4] }]))
    expect(numbers(captured)).toBe(before)
    verifyGraph(graph)
    changed += graph.nodes.filter((n) => n.op === 'concat').length
    expect(Object.values(interpret(graph, { x0: x() })).map(numbers), `seed ${seed}`).toEqual(eager.map(numbers))

    // With a symbolic extent fewer refusals are known; only programs that take the same path can be compared.
    const symbolic = mode(() => trace((a: Tensor) => program(a, captured), [{ shape: [3, 'n'] }]))
    const again = Object.values(interpret(symbolic, { x0: x() }))
    if (again.length !== eager.length || again.some((t, i) => t.shape.join() !== eager[i]?.shape.join())) continue
    compared++
    expect(again.map(numbers), `seed ${seed}, symbolic`).toEqual(eager.map(numbers))
  }
  expect([changed > 20, compared > 15]).toEqual([true, true])
})

it('gradients through random views and in-place changes are the same traced, and so is what is refused', () => {
  const codeOf = (run: () => string): string => {
    try {
      return run()
    } catch (error) {
      if (error instanceof IngotError) return error.code
      throw error
    }
  }
  const gradient = (seed: number, x: Tensor, w: Tensor): [Tensor, Tensor] => {
    const pool = runRandom(seed, 10, [x.mul(w), x.mul(2).exp()])
    pool.map((t) => t.mul(t).sum()).reduce((a, b) => a.add(b)).backward()
    return [x.grad as Tensor, w.grad as Tensor]
  }
  const outcomes = { same: 0, refused: 0 }
  for (let seed = 0; seed < 30; seed++) {
    const x = (): Tensor => randn([3, 4], { seed }).requiresGrad_(), w = (): Tensor => randn([4], { seed: seed + 1 }).requiresGrad_()
    const eager = codeOf(() => gradient(seed, x(), w()).map(numbers).join('; '))
    const traced = codeOf(() => {
      const graph = trace((a: Tensor, b: Tensor) => gradient(seed, a, b), [x(), w()])
      return Object.values(interpret(graph, { x0: x(), x1: w() })).map(numbers).join('; ')
    })
    expect(traced, `seed ${seed}`).toBe(eager)
    outcomes[eager.startsWith('[') ? 'same' : 'refused']++
  }
  expect(outcomes.same).toBeGreaterThan(10)
})
