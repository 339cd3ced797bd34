import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../src/ir/host-tensor.js'
import { classifier, unknownOp } from './models.js'
import { BuiltCli } from './run-cli.js'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
  const random = seededRandom(4), write = (name: string, bytes: Uint8Array | string): void => writeFileSync(cli.path(name), bytes)
  write('model.onnx', classifier())
  write('cut.onnx', classifier().subarray(0, 90))
  write('random.onnx', Uint8Array.from({ length: 3000 }, () => random() * 256))
  write('text.onnx', 'hello world\n')
  write('empty.onnx', '')
  write('zip.onnx', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
  write('unknown.onnx', unknownOp())
  write('graph.ing', 'graph @g stage=canonical (x: float32[3]) -> (y: float32[3]) {\n  %a: float32[3] = neg(%x)\n  return y = %a\n}\n')
  write('wrong.ing', 'graph @g stage=canonical (x: float32[3]) -> (y: float32[3]) {\n  %a: float32[3] = frobnicate(%x)\n  return y = %a\n}\n')
  mkdirSync(cli.path('folder'))
  expect(await cli.run(['compile', 'model.onnx', '-o', 'ok.ingot'])).toMatchObject({ code: 0 })
  const artefact = readFileSync(cli.path('ok.ingot'))
  write('cut.ingot', artefact.subarray(0, 500))
  write('damaged.ingot', Uint8Array.from(artefact, (b, i) => (i === artefact.length - 9 || i === 600 ? b ^ 1 : b)))
  write('later.ingot', Uint8Array.from(artefact, (b, i) => (i === 4 ? 9 : b)))
  const npy = (descr: string, shape: string, bytes: number): Uint8Array => Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x01\x00'), Buffer.from([118, 0]), Buffer.from(`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + '\n'), Buffer.alloc(bytes)])
  write('dtype.npy', npy('<f8', '(1, 3)', 24))
  write('rank.npy', npy('<f4', '(3,)', 12))
  write('extent.npy', npy('<f4', '(1, 4)', 16))
  write('short.npy', npy('<f4', '(1, 3)', 8))
  write('big-endian.npy', npy('>f4', '(1, 3)', 12))
  write('text.npy', 'not numpy')
  write('short.bin', new Uint8Array(7))
}, 120_000)
afterAll(() => cli.remove())

interface Case { readonly args: readonly string[]; readonly code: string; readonly says?: RegExp; readonly env?: Readonly<Record<string, string>> }
const bad = (line: string, code: string, says?: RegExp): Case => ({ args: line.split(' '), code, ...(says !== undefined && { says }) })

const CASES: readonly Case[] = [
  bad('compile random.onnx', 'not-onnx'), bad('compile cut.onnx', 'onnx-invalid', /truncated/), bad('compile text.onnx', 'not-onnx', /hello world/), bad('compile zip.onnx', 'not-onnx', /zip/),
  bad('compile empty.onnx', 'not-onnx', /0 bytes/), bad('compile missing.onnx', 'file-not-found', /missing\.onnx/), bad('compile folder', 'file-unreadable', /it is a folder/),
  bad('run folder', 'file-unreadable', /it is a folder/), bad('inspect missing.ingot', 'file-not-found'), bad('bench empty.onnx', 'not-onnx'), bad('verify text.onnx', 'not-onnx'),
  bad('compile unknown.onnx', 'unsupported-op', /Frobnicate.*\/layer1\/Frob/), bad('compile ok.ingot', 'not-onnx'),
  bad('run cut.ingot', 'artefact-damaged', /500 bytes/), bad('run damaged.ingot', 'artefact-damaged', /digest/), bad('inspect damaged.ingot', 'artefact-damaged'),
  bad('run later.ingot', 'artefact-version', /version 9.*version 2/),
  bad('run ok.ingot --input q=zeros', 'feed-unknown', /'q'/), bad('run ok.ingot --input x=dtype.npy', 'feed-dtype', /float64/), bad('run ok.ingot --input x=rank.npy', 'feed-rank'),
  bad('run ok.ingot --input x=extent.npy', 'feed-extent', /4/), bad('run ok.ingot --input x=short.npy', 'bad-tensor', /12 bytes, and 8/), bad('run ok.ingot --input x=big-endian.npy', 'bad-tensor', />f4/),
  bad('run ok.ingot --input x=text.npy', 'bad-tensor'), bad('run ok.ingot --input x=short.bin', 'bad-tensor', /7 bytes/), bad('run ok.ingot --input x=model.onnx', 'bad-option'),
  bad('run ok.ingot --input x', 'bad-option'), bad('run ok.ingot --target js', 'bad-option', /compiled for wasm/), bad('bench ok.ingot --target js', 'bad-option'), bad('run ok.ingot --check', 'bad-option'),
  bad('compile model.onnx --shape x', 'bad-option'), bad('compile model.onnx --shape x=1,y', 'bad-option'), bad('compile model.onnx --shape x=_,4', 'bad-option', /\[_, 4\]/), bad('compile model.onnx --shape x=1', 'bad-option', /2/),
  bad('compile model.onnx --shape q=1,3', 'bad-option', /'q'/), bad('run ok.ingot --shape x=1,4', 'feed-extent'), bad('inspect ok.ingot --shape x=3', 'bad-option'), bad('inspect ok.ingot --shape x=3,4', 'bad-option'),
  bad('opt graph.ing --passes=fuse,fizz', 'unknown-pass', /fizz/), bad('opt text.onnx --passes=fuse', 'parse-text', /line 1/), bad('opt wrong.ing --passes=canonicalize', 'parse-text', /name of an op.*frobnicate/), bad('compile model.onnx --dump-ir=after:fizz', 'unknown-pass'),
  bad('compile model.onnx -o nowhere/x.ingot', 'file-unreadable', /folder does not exist/), bad('compile model.onnx -o folder', 'file-unreadable', /it is a folder/),
  bad('compile model.onnx --emit module -o nowhere/x.mjs', 'file-unreadable'), bad('compile model.onnx --emit module --target wasm', 'bad-option'), bad('run ok.ingot --output text.onnx', 'file-unreadable'),
  bad('compile model.onnx --target gpu', 'bad-option', /js, wasm/), bad('compile model.onnx --max-memory lots', 'bad-option'), bad('bench ok.ingot --runs 0', 'bad-option'), bad('verify model.onnx --tolerance wide', 'bad-option'),
  bad('verify model.onnx --data nowhere', 'file-not-found'), bad('verify model.onnx --data folder', 'file-not-found', /input_0\.pb/), bad('frobnicate', 'bad-option', /frobnicate/), bad('compile', 'bad-option', /model/), bad('run ok.ingot --threads 0', 'bad-option', /threads/),
  { args: ['inspect', 'ok.ingot'], env: { INGOT_DEBUG: 'passes,fizz' }, code: 'bad-option', says: /'fizz'\n.*passes, schedule, kernels/ },
  { args: ['compile', 'model.onnx'], env: { INGOT_DUMP: 'text.onnx' }, code: 'file-unreadable' },
]

test.each(CASES.map((c) => [`${c.args.join(' ')}${c.env === undefined ? '' : ` with ${JSON.stringify(c.env)}`}`, c] as const))('%s is one error with a code and a hint, at once and without a stack', async (_, { args, code, says, env }) => {
  const r = await cli.run(args, env === undefined ? {} : { env })
  const lines = r.err.trimEnd().split('\n').filter((l) => !/^(extent|input) .* (taken to be|random)/.test(l))
  expect(r.code, r.err).toBe(1)
  expect(lines[0], r.err).toMatch(new RegExp(`^error ${code}: \\S`))
  expect(lines.filter((l) => l.startsWith('error '))).toHaveLength(1)
  expect(lines.some((l) => /^ {2}hint: \S/.test(l)), r.err).toBe(true)
  expect(r.err).not.toMatch(/^\s+at .*:\d+:\d+/m)
  if (says !== undefined) expect(lines.join('\n')).toMatch(says)
  expect(r.out).toBe('')
  expect(r.cpuMs).toBeGreaterThan(0)
  expect(r.cpuMs).toBeLessThan(1500)
})

test('INGOT_DEBUG=stack adds the stack', async () => {
  expect((await cli.run(['compile', 'text.onnx'], { env: { INGOT_DEBUG: 'stack' } })).err).toMatch(/\n\s+at .*:\d+:\d+/)
})
