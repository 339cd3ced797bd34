import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../source-files.js'
import { runCase, type Case, type Step } from './grad-modes-cases.js'

const FILE = join(process.env['INGOT_SHARED'] ?? join(ROOT, '../shared'), 'grad-modes/cases.json')
const CASES: readonly Case[] = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as { readonly cases: readonly Case[] }).cases : []

/** Tags of what Ingot has not. */
const MISSING: Readonly<Record<string, string>> = { 'optional:complex': 'there are no complex dtypes' }

/**
 * Cases of what PyTorch does by accident in which Ingot differs, with the reason and what it does instead; see docs/gradient-modes.md.
 * The artefacts that are not here are kept.
 */
const DECIDED: Readonly<Record<string, { readonly instead: string; readonly change: (c: Case) => Case }>> = {
  'guard/out-of-order-exit': {
    instead: 'closing the outer guard closes the inner one, restores and reports it; nothing leaks',
    change: (c) => ({ ...c, steps: c.steps.map((s, i): Step => (s.exit === 'outer' ? { ...s, throws: 'GUARD_ORDER' } : i === c.steps.length - 2 ? { ...s, equals: true } : i === c.steps.length - 1 ? { ...s, equals: false } : s)) }),
  },
  'functional/scalar-operand': {
    instead: 'numbers are no tensors: an op of inference tensors and numbers is not recorded',
    change: (c) => ({ ...c, steps: c.steps.map((s) => (s.do === 'backward' ? { ...s, throws: 'NO_GRAPH' } : s)), expect: { y: { requires_grad: false, has_grad_fn: false }, c: { grad: null } } }),
  },
  'functional/clone-version': {
    instead: 'a clone starts at version 0, as every new tensor does',
    change: (c) => ({ ...c, expect: { c: { ...c.expect['c'], version: 0 } } }),
  },
  'detach/inf-outside-hole': {
    instead: 'what is detached of an inference tensor has no counter and is as immutable',
    change: (c) => ({
      ...c,
      steps: c.steps.map((s) => (s.check === 'version' && s.of === 'd' ? { check: 'version', of: 'd', throws: 'VERSION' } : s.do === 'add_' && s.on === 'd' ? { ...s, throws: 'INPLACE_INFERENCE' } : s)),
      expect: { d: { version: { throws: 'VERSION' }, values: 1 } },
    }),
  },
}

describe.skipIf(CASES.length === 0)('gradient modes, as recorded from PyTorch', () => {
  for (const c of CASES) {
    const missing = c.tags.map((tag) => MISSING[tag]).find((reason) => reason !== undefined)
    const decided = DECIDED[c.id]
    if (missing !== undefined) it.skip(`${c.id}: not here, because ${missing}`, () => undefined)
    else if (decided !== undefined) it(`${c.id}: other than PyTorch: ${decided.instead}`, () => runCase(decided.change(c)))
    else it(`${c.id}: ${c.title}`, () => runCase(c))
  }

  it('every decision is about a case that is recorded as an accident', () => {
    for (const id of Object.keys(DECIDED)) expect(CASES.find((c) => c.id === id)?.tags, id).toContain('artefact')
  })
})

it.skipIf(CASES.length > 0)(`skipped: ${FILE} is not there`, () => undefined)
