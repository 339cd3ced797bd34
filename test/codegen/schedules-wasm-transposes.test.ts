import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import { pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { DType } from '../../src/base/dtype.js'
import type { Kernel } from '../../src/ir/kernel/kernel.js'
import { exprsOf, visitExprs, visitStmts } from '../../src/ir/kernel/walk.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from './same-on-target.js'

interface Case { readonly shape: readonly number[]; readonly perm: readonly number[]; readonly dtype?: DType }

function network({ shape, perm, dtype = 'float32' }: Case) {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  b.output('y', b.add1('transpose', [b.input('x', tensorType(dtype, shape))], { perm }, { origin: 'transpose' }))
  return b.finish()
}

function transposeKernel(c: Case): Kernel {
  const [only] = lowerGraph(runPasses(network(c), pipelineFor('wasm')), 'wasm').kernels
  if (only === undefined) throw new Error('no kernel was lowered')
  return only.kernel
}

/** How many stores of a kernel's text are of vectors, and how many of single elements; loads likewise. */
function widths(kernel: Kernel): { readonly vectors: number; readonly singles: number } {
  let vectors = 0, singles = 0
  visitStmts(kernel.body, (s) => {
    if (s.kind === 'store') { if (s.value.kind === 'vector') vectors++; else singles++ }
    visitExprs(exprsOf(s), (e) => { if (e.kind === 'load') { if (e.lanes === undefined) singles++; else vectors++ } })
  })
  return { vectors, singles }
}

describe('transposes on wasm', () => {
  it('compute what the interpreter does, whatever the extents', async () => {
    const cases: Case[] = [
      ...[1, 2, 3, 4, 5, 8, 11].map((n): Case => ({ shape: [n, 9], perm: [1, 0] })),
      { shape: [8, 12], perm: [1, 0], dtype: 'int32' }, { shape: [5, 8], perm: [1, 0], dtype: 'float16' }, { shape: [4, 7], perm: [1, 0], dtype: 'int64' },
      { shape: [2, 3, 4, 5], perm: [0, 2, 3, 1] }, { shape: [2, 6, 2, 8], perm: [0, 3, 1, 2] }, { shape: [3, 4, 5], perm: [2, 1, 0] }, { shape: [3, 2, 4, 8], perm: [0, 1, 3, 2] },
    ]
    for (const c of cases) await expectSameOnTarget(network(c), 'wasm', [{}])
  })
  it('read and write vectors only: 4 and 4 for a tile of 4×4, 2 and 2 where two channels are shuffled', () => {
    expect(widths(transposeKernel({ shape: [16, 32], perm: [1, 0] }))).toEqual({ vectors: 8, singles: 0 })
    expect(widths(transposeKernel({ shape: [10, 2, 24], perm: [0, 2, 1] }))).toEqual({ vectors: 4, singles: 0 })
    expect(widths(transposeKernel({ shape: [3, 64], perm: [1, 0] }))).toEqual({ vectors: 6, singles: 0 })
  })
})
