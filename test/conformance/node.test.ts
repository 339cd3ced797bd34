/**
 * ONNX's backend node tests that pass, one name a line in `node-<target>.txt`. Written by
 * `npm run conformance -- ../shared/onnx-backend/node --target <target> --list > test/conformance/node-<target>.txt`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCase } from '../../scripts/backend-case.js'
import { engineOf } from '../../scripts/backend-engines.js'
import { haveShared, SHARED } from './shared-data.js'

const FOLDER = 'onnx-backend/node'
const listed = (target: string): string[] => readFileSync(new URL(`node-${target}.txt`, import.meta.url), 'utf8').split('\n').filter((line) => line !== '')

/** Every so many of the tests run with two threads as well: each starts a worker. */
const SAMPLE = 25

describe('ONNX node tests on wasm with two threads', () => {
  test.skipIf(!haveShared(FOLDER)).each(listed('wasm').filter((_, i) => i % SAMPLE === 0))('%s', async (name) => {
    expect(await runCase(join(SHARED, FOLDER, name), name, engineOf('wasm', 2))).toMatchObject({ verdict: 'pass', why: '' })
  })
})

describe.each(['interpret', 'js', 'wasm'])('ONNX node tests on %s', (target) => {
  test.skipIf(!haveShared(FOLDER)).each(listed(target))('%s', async (name) => {
    expect(await runCase(join(SHARED, FOLDER, name), name, engineOf(target))).toMatchObject({ verdict: 'pass', why: '' })
  })
})
