import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importOnnx, importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { errorOf, model, node, port } from './onnx-models.js'

const weights = new Uint8Array(Float32Array.of(9, 9, 1, 2, 3).buffer)
const withWeights = (entries: Readonly<Record<string, string>>): Uint8Array => model({
  inputs: [port('x', [3])], nodes: [node('Add', ['x', 'w'], ['y'])],
  initializers: [{ name: 'w', dims: [3], dataType: 1, dataLocation: 1, externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) }],
})
const weightOf = (graph: Awaited<ReturnType<typeof importOnnx>>): unknown => graph.nodes[0]?.inputs[1]?.data?.data

let root = ''
const inFolder = async (bytes: Uint8Array): Promise<string> => {
  const path = join(root, 'model', 'model.onnx')
  await writeFile(path, bytes)
  return path
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ingot-external-'))
  await mkdir(join(root, 'model', 'sub'), { recursive: true })
  await writeFile(join(root, 'secret.bin'), weights)
  await writeFile(join(root, 'model', 'w.bin'), weights)
  await writeFile(join(root, 'model', 'sub', 'w.bin'), weights)
  await symlink(join(root, 'secret.bin'), join(root, 'model', 'link.bin'))
  await symlink(root, join(root, 'model', 'out'))
  await symlink(join(root, 'model', 'w.bin'), join(root, 'model', 'inside.bin'))
})
afterAll(() => rm(root, { recursive: true }))

describe('external data beside a model file', () => {
  test.each(['w.bin', 'sub/w.bin', './w.bin', 'inside.bin'])('%s is read from the model folder', async (location) => {
    const path = await inFolder(withWeights({ location, offset: '8', length: '12' }))
    expect(weightOf(await importOnnx(path))).toEqual(Float32Array.of(1, 2, 3))
  })

  test.each(['../secret.bin', 'sub/../../secret.bin', '..\\secret.bin', '/etc/passwd', 'C:\\secret.bin', 'link.bin', 'out/secret.bin', 'file:///etc/passwd'])('%s is refused', async (location) => {
    const path = await inFolder(withWeights({ location }))
    const error = await errorOf(() => importOnnx(path))
    expect(error.code).toBe('external-data-outside')
    expect(error.message).toContain(location)
  })

  test('a file that is not there is named', async () => {
    const error = await errorOf(async () => importOnnx(await inFolder(withWeights({ location: 'gone.bin' }))))
    expect(error.code).toBe('external-data-missing')
    expect(error.message).toContain('gone.bin')
  })

  test.each([{ offset: '12', length: '12' }, { offset: '9007199254740990', length: '12' }, { offset: '-4' }, { offset: 'x' }])('a range outside the file is refused: %o', async (range) => {
    expect((await errorOf(async () => importOnnx(await inFolder(withWeights({ location: 'w.bin', ...range }))))).code).toBe('external-data-range')
  })

  test('a model file that is not there is named', async () => {
    expect((await errorOf(() => importOnnx(join(root, 'none.onnx')))).code).toBe('file-not-found')
  })
})

describe('external data given by the caller', () => {
  const bytes = withWeights({ location: 'w.bin', offset: '8', length: '12' })

  test('a record of files serves', () => {
    expect(weightOf(importOnnxSync(bytes, { externalData: { 'w.bin': weights } }))).toEqual(Float32Array.of(1, 2, 3))
  })

  test('a function serves', () => {
    expect(weightOf(importOnnxSync(bytes, { externalData: (location) => (location === 'w.bin' ? weights : undefined) }))).toEqual(Float32Array.of(1, 2, 3))
  })

  test('none given is an error that says so', async () => {
    expect((await errorOf(() => importOnnxSync(bytes))).code).toBe('external-data-missing')
    expect((await errorOf(() => importOnnxSync(bytes, { externalData: {} }))).code).toBe('external-data-missing')
  })
})
