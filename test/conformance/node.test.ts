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

describe.each(['interpret', 'js', 'wasm'])('ONNX node tests on %s', (target) => {
  test.skipIf(!haveShared(FOLDER)).each(listed(target))('%s', async (name) => {
    expect(await runCase(join(SHARED, FOLDER, name), name, engineOf(target))).toMatchObject({ verdict: 'pass', why: '' })
  })
})
