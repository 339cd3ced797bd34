import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveShared, SHARED } from '../conformance/shared-data.js'
import { ROOT } from '../source-files.js'
import { classifier, joined, longModel, twoOutputs } from './models.js'
import { BuiltCli } from './run-cli.js'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
  writeFileSync(cli.path('model.onnx'), classifier())
  writeFileSync(cli.path('two.onnx'), twoOutputs())
}, 120_000)
afterAll(() => cli.remove())

const ok = async (args: readonly string[], options = {}): Promise<{ readonly out: string; readonly err: string }> => {
  const r = await cli.run(args, options)
  expect(r, r.err).toMatchObject({ code: 0 })
  return r
}
/** softmax(relu([1, 2, 3]·w + b)): [1+1-6+0.1, -1+4+0.75-0.1] = [-3.9, 3.65] → relu [0, 3.65]. */
const EXPECTED = [1 / (1 + Math.exp(3.65)), 1 / (1 + Math.exp(-3.65))]

/** A version 1 .npy file, by hand. */
function npy(descr: string, shape: string, data: ArrayBufferView): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + '\n'
  return Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x01\x00'), Buffer.from([118, 0]), Buffer.from(header), Buffer.from(data.buffer)])
}

describe('ingot compile', () => {
  test('writes an artefact and says what is in it', async () => {
    const { out, err } = await ok(['compile', 'model.onnx'])
    expect(out).toMatch(/^model\.ingot {2}[\d.]+ kB, target wasm, compiled in/)
    expect(out).toContain('with batch = 1')
    expect(err).toBe('')
    expect(readFileSync(cli.path('model.ingot')).subarray(0, 4).toString()).toBe('INGT')
  })

  test('auto says which target it picked and why, and options of WebGPU are refused where they do not fit', async () => {
    expect((await ok(['compile', 'model.onnx', '--target', 'auto', '-o', 'auto.ingot'])).out).toMatch(/target (wasm|wgsl), compiled in .*\n {2}(wasm|wgsl) was picked: .*WebGPU/)
    expect((await ok(['run', 'model.onnx', '--target', 'auto', '--shape', 'x=3,3'])).err).toMatch(/target (wasm|wgsl): .*WebGPU/)
    expect((await cli.run(['compile', 'model.onnx', '--precision', 'f16'])).err).toContain('the wasm target has no precision f16')
    expect((await cli.run(['compile', 'model.onnx', '--target', 'wgsl', '--bounds', 'x=0:5'])).err).toContain('"x", which holds no integers')
    expect((await cli.run(['compile', 'model.onnx', '--bounds', 'x=5'])).err).toContain('write NAME=0:30521')
  })

  test('gives the same bytes every time', async () => {
    await ok(['compile', 'model.onnx', '-o', 'a.ingot'])
    await ok(['compile', 'model.onnx', '-o', 'b.ingot'], { env: { INGOT_DEBUG: 'verify', INGOT_DUMP: cli.path('unrelated') } })
    expect(readFileSync(cli.path('a.ingot')).equals(readFileSync(cli.path('b.ingot')))).toBe(true)
  })

  test('--json is one JSON document', async () => {
    const report = JSON.parse((await ok(['compile', 'model.onnx', '-o', 'j.ingot', '--json', '--shape', 'x=4,3'])).out) as Record<string, unknown>
    expect(report).toMatchObject({ output: 'j.ingot', target: 'wasm', bytes: readFileSync(cli.path('j.ingot')).length, memory: { symbols: {} } })
  })

  test('--shape leaves extents open where it says _', async () => {
    const report = JSON.parse((await ok(['compile', 'model.onnx', '-o', 'open.ingot', '--json', '--shape', 'x=_,3'])).out) as Record<string, unknown>
    expect(report).toMatchObject({ memory: { symbols: { batch: 1 } } })
    expect((await ok(['run', 'open.ingot', '--shape', 'x=_,3'])).err).toContain('extent batch is taken to be 1')
    expect((await ok(['inspect', 'open.ingot', '--json', '--shape', 'x=_,3'])).out).toContain('"batch": 1')
  })

  test('--dump-ir prints the graph after a pass and writes nothing', async () => {
    const { out } = await ok(['compile', 'model.onnx', '-o', 'none.ingot', '--dump-ir=after:fold-constants'])
    expect(out).toMatch(/^graph @g stage=canonical \(x: float32\[batch, 3\]\)/)
    expect(existsSync(cli.path('none.ingot'))).toBe(false)
  })

  test('--max-memory refuses a program that needs more', async () => {
    await ok(['compile', 'model.onnx', '-o', 'm.ingot', '--max-memory', '1MB'])
    expect(await cli.run(['compile', 'model.onnx', '-o', 'n.ingot', '--max-memory', '100'])).toMatchObject({ code: 1, err: expect.stringMatching(/^error memory-limit: .*\n {2}hint: /) as string })
    expect(existsSync(cli.path('n.ingot'))).toBe(false)
  })

  test('--value fixes inputs, and says what cannot be one', async () => {
    expect((await ok(['run', 'two.onnx', '--value', 'x=5,-7', '--json'])).out).toMatch(/"name": "a_b",[^}]*"min": -5,\s*"max": 7/)
    expect((await ok(['compile', 'model.onnx', '--value', 'x=1,2,3', '-o', 'fixed.ingot'])).out).toContain('0 kernels')
    expect(await cli.run(['compile', 'model.onnx', '--value', 'x=some'])).toMatchObject({ code: 1, err: expect.stringMatching(/^error bad-option: --value x=some: .*\n {2}hint: /) as string })
    expect(await cli.run(['compile', 'model.onnx', '--value', 'z=1'])).toMatchObject({ code: 1, err: expect.stringContaining("its inputs are 'x'") as string })
  })

  test('--emit module gives a module that runs where evaluation is forbidden, and an artefact there is refused', async () => {
    await ok(['compile', 'model.onnx', '--emit', 'module'])
    await ok(['compile', 'model.onnx', '--target', 'js', '-o', 'eval.ingot'])
    const script = `
      import { load } from ${JSON.stringify(pathToFileURL(join(cli.built, 'runtime.js')).href)}
      import * as module from ${JSON.stringify(pathToFileURL(cli.path('model.mjs')).href)}
      const { y } = await (await load(module)).run({ x: [[1, 2, 3]] })
      console.log(JSON.stringify(Array.from(y.data)))
      await load(${JSON.stringify(cli.path('eval.ingot'))}).then(() => console.log('loaded'), (e) => console.log(e.code, e.hint))`
    writeFileSync(cli.path('page.mjs'), script)
    const lines = execFileSync(process.execPath, ['--disallow-code-generation-from-strings', cli.path('page.mjs')], { encoding: 'utf8' }).split('\n')
    ;(JSON.parse(lines[0] ?? '') as number[]).forEach((v, i) => expect(v).toBeCloseTo(EXPECTED[i] as number, 6))
    expect(lines[1]).toMatch(/^eval-forbidden .*--emit module/)
  })

  test('an interrupted compilation leaves no file', async () => {
    writeFileSync(cli.path('long.onnx'), longModel(60, 100_000))
    const child = cli.start(['compile', 'long.onnx', '-o', 'long.ingot'])
    const closed = new Promise<void>((resolve) => { child.on('close', () => resolve()) })
    const parts = (): string[] => readdirSync(cli.folder).filter((f) => f.endsWith('.part'))
    const watch = setInterval(() => { if (parts().length > 0) child.kill('SIGINT') }, 1)
    await closed
    clearInterval(watch)
    expect(parts()).toEqual([])
  })
})

describe('ingot run', () => {
  test('computes from a .npy file and writes .npy files that it reads again', async () => {
    writeFileSync(cli.path('x.npy'), npy('<f4', '(1, 3)', Float32Array.of(1, 2, 3)))
    const { out } = await ok(['run', 'model.onnx', '--input', 'x=x.npy', '--output', 'out', '--check'])
    expect(out).toMatch(/^y {2}float32\[1, 2\] {2}min 0\.0253\d* {2}max 0\.974\d* {2}mean 0\.5 .*differs from the interpreter by [\d.]+e[-+]\d+ of the peak/)
    const file = readFileSync(cli.path('out/y.npy'))
    expect(file.subarray(0, 8)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]))
    const start = 10 + file.readUInt16LE(8)
    expect(start % 64).toBe(0)
    expect(file.subarray(10, start).toString()).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 2\), \} *\n$/)
    EXPECTED.forEach((v, i) => expect(file.readFloatLE(start + 4 * i)).toBeCloseTo(v, 6))
  })

  test('an artefact gives what its model gives', async () => {
    for (const target of ['js', 'wasm']) {
      await ok(['compile', 'model.onnx', '-o', `${target}.ingot`, '--target', target])
      const [a, b] = await Promise.all([ok(['run', `${target}.ingot`, '--shape', 'x=3,3', '--json']), ok(['run', 'model.onnx', '--target', target, '--shape', 'x=3,3', '--json'])])
      const outputs = (text: string): unknown => (JSON.parse(text) as { outputs: unknown }).outputs
      expect(outputs(a.out)).toEqual(outputs(b.out))
      expect(outputs(a.out)).toMatchObject([{ name: 'y', dtype: 'float32', shape: [3, 2] }])
    }
  })

  test('makes inputs that it is not given, and says so; a seed makes others', async () => {
    const first = await ok(['run', 'model.onnx'])
    expect(first.err).toContain('extent batch is taken to be 1 (choose with --shape)\ninput x float32[1, 3] is random (seed 1)\n')
    const [again, other, zeros] = await Promise.all([ok(['run', 'model.onnx']), ok(['run', 'model.onnx', '--seed', '0']), ok(['run', 'model.onnx', '--input', 'x=zeros'])])
    expect(again.out).toBe(first.out)
    expect(other.out).not.toBe(first.out)
    expect(zeros.err).not.toContain('random')
  })

  test('writes outputs whose names would be the same file to different files', async () => {
    writeFileSync(cli.path('two.bin'), new Uint8Array(BigInt64Array.of(5n, -7n).buffer))
    await ok(['run', 'two.onnx', '--input', 'x=two.bin', '--output', 'outs'])
    expect(readdirSync(cli.path('outs')).sort()).toEqual(['a_b.npy', 'a_b_1.npy'])
    expect(readFileSync(cli.path('outs/a_b.npy')).readBigInt64LE(128)).toBe(6n)
    expect(readFileSync(cli.path('outs/a_b_1.npy')).readBigInt64LE(136)).toBe(7n)
  })
})

describe('ingot inspect, bench, verify and opt', () => {
  test('inspect shows a model and an artefact, for people and as JSON', async () => {
    await ok(['compile', 'model.onnx', '-o', 'i.ingot'])
    const [model, artefact, json] = await Promise.all([ok(['inspect', 'model.onnx']), ok(['inspect', 'i.ingot']), ok(['inspect', 'i.ingot', '--json', '--shape', 'x=8,3'])])
    expect(model.out).toContain('softmax  1')
    expect(artefact.out).toContain('/Softmax')
    const described = JSON.parse(json.out) as { memory: { symbols: unknown; arenaBytes: number; lowerBoundBytes: number }; kernels: { calls: number }[] }
    expect(described.memory.symbols).toEqual({ batch: 8 })
    expect(described.memory.arenaBytes).toBeGreaterThanOrEqual(described.memory.lowerBoundBytes)
    expect(described.kernels.every((k) => k.calls > 0)).toBe(true)
    JSON.parse((await ok(['inspect', 'model.onnx', '--json'])).out)
  })

  test('bench prints a median and steps, or all as JSON', async () => {
    expect((await ok(['bench', 'model.onnx', '--runs', '3'])).out).toMatch(/^compile .*\nload .*\nfirst run .*\nmedian .*3 runs, target wasm\)\n\nslowest steps/)
    expect(JSON.parse((await ok(['bench', 'model.onnx', '--runs', '3', '--json'])).out)).toMatchObject({ runs: 3, target: 'wasm' })
  })

  test('--length says how many tensors a sequence holds, which are inputs then', async () => {
    writeFileSync(cli.path('joined.onnx'), joined())
    expect(await cli.run(['inspect', 'joined.onnx'])).toMatchObject({ code: 1, err: expect.stringMatching(/^error unsupported-type: input 'xs' is a sequence.*\n {2}hint: say --length xs=3/) as string })
    expect((await ok(['inspect', 'joined.onnx', '--length', 'xs=2'])).out).toMatch(/ xs\.0 +float32\[xs\.0_0, 2\]\n +xs\.1 /)
    expect((await ok(['compile', 'joined.onnx', '--length', 'xs=9', '-o', 'joined.ingot'])).out).toContain('takes xs.0, xs.1, xs.2, xs.3, xs.4, xs.5, xs.6, xs.7 and 1 more; gives y\n')
    expect((await ok(['run', 'joined.onnx', '--length', 'xs=3', '--shape', 'xs.1=4,2', '--input', 'xs.0=zeros', '--check'])).out).toContain('y  float32[6, 2]')
    expect((await cli.run(['compile', 'joined.onnx', '--length', 'xs=some'])).err).toContain('write NAME=3')
  })

  test('verify compares every target and passes', async () => {
    const { out } = await ok(['verify', 'model.onnx', '--shape', 'x=5,3'])
    // And on wgsl, where WebGPU has an adapter.
    expect(out.split('\n').filter((l) => l.startsWith('ok')).map((l) => l.split(/ +/)[1]).filter((target) => target !== 'wgsl')).toEqual(['js', 'wasm'])
    expect(JSON.parse((await ok(['verify', 'model.onnx', '--json', '--target', 'wasm'])).out)).toMatchObject([{ target: 'wasm', ok: true }])
  })

  test.skipIf(!haveShared('onnx-backend/node'))('verify takes recorded outputs', async () => {
    const folder = join(SHARED, 'onnx-backend/node/test_softmax_axis_1')
    const { out } = await ok(['verify', join(folder, 'model.onnx'), '--data', join(folder, 'test_data_set_0')])
    expect(out).toContain('from the recorded outputs')
  })

  test.skipIf(!haveShared('onnx-backend/node'))('verify takes recorded sequences', async () => {
    const folder = join(SHARED, 'onnx-backend/node/test_sequence_map_add_2_sequences')
    const { out } = await ok(['verify', join(folder, 'model.onnx'), '--data', join(folder, 'test_data_set_0'), '--target', 'js'])
    expect(out).toMatch(/y0\.0 .*the recorded outputs\n.*y0\.1 /)
  })

  test('opt runs passes over text from a file or from standard input', async () => {
    const text = 'graph @g stage=canonical (x: float32[3]) -> (y: float32[3]) {\n  %a: float32[3] = neg(%x)\n  %b: float32[3] = neg(%a)\n  %dead: float32[3] = tanh(%x)\n  return y = %b\n}\n'
    writeFileSync(cli.path('g.ing'), text)
    const [file, piped] = await Promise.all([ok(['opt', 'g.ing', '--passes=drop-dead, fuse']), ok(['opt', '-', '--passes=drop-dead,fuse'], { input: text })])
    expect(piped.out).toBe(file.out)
    expect(piped.out).toContain('fused(%x)')
    expect(piped.out).not.toContain('tanh')
  })
})

describe('the command line', () => {
  test.each([[], ['compile'], ['run'], ['inspect'], ['bench'], ['verify'], ['opt']].map((c) => [c.join(' ') || 'ingot', c] as const))('%s --help ends with an example', async (_, command) => {
    expect((await ok([...command, '--help'])).out).toMatch(/Example:\n {2}\$ ingot /)
  })

  test('--version is the package\'s', async () => {
    expect((await ok(['--version'])).out.trim()).toBe((JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version)
  })

  test('a reader that closes the pipe early ends it quietly', () => {
    const main = join(cli.built, 'cli.js')
    writeFileSync(cli.path('wide.onnx'), longModel(400, 2))
    const shell = `"${process.execPath}" "${main}" compile wide.onnx --dump-ir=after:import | head -1; echo "\${PIPESTATUS[0]}"`
    expect(execFileSync('bash', ['-c', shell], { cwd: cli.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })).toMatch(/^graph @g .*\n0\n$/)
  })

  test('INGOT_DUMP writes a numbered file for every stage, INGOT_DEBUG says what it is asked', async () => {
    const { err } = await ok(['compile', 'model.onnx', '-o', 'd.ingot'], { env: { INGOT_DUMP: cli.path('dump/deep'), INGOT_DEBUG: 'passes, steps' } })
    const files = readdirSync(cli.path('dump/deep')).sort()
    expect(files.map((f) => Number(f.slice(0, 2)))).toEqual(files.map((_, i) => i))
    expect(files[0]).toBe('00-import.ing')
    expect(files.slice(-3).map((f) => f.slice(3))).toEqual(['kernels.txt', 'plan.txt', 'steps.txt'])
    expect(err).toMatch(/^\[passes\] import /)
    expect(err).toMatch(/\n\[steps\]\n {2}0: /)
  })
})
