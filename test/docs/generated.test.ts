import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { lifeOfAModel } from '../../scripts/life-of-a-model.js'
import { opsTable } from '../../scripts/ops-table.js'
import { ERROR_CODES } from '../../src/base/error.js'
import { VERSION } from '../../src/version.js'

test('docs/ops.md says what the op records say (npm run docs)', () => {
  expect(readFileSync('docs/ops.md', 'utf8')).toBe(opsTable())
})

test('docs/life-of-a-model.md shows what the compiler does today (npm run docs)', async () => {
  expect(readFileSync('docs/life-of-a-model.md', 'utf8')).toBe(await lifeOfAModel())
})

test('docs/errors.md explains every error code', () => {
  const text = readFileSync('docs/errors.md', 'utf8')
  expect(ERROR_CODES.filter((code) => !text.includes(`\`${code}\``))).toEqual([])
})

test('the version in artefacts is the package\'s', () => {
  expect((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version).toBe(VERSION)
})
