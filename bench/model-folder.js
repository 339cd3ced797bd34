/** Models on disk: a folder per model with `model.onnx` or `model.onnx.gz` and recorded inputs, or files of ONNX's light nets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { decodeTensorProto, seededTensor } from '../dist/src/index.js'

/** Every model of the folders: its name, its file and where its inputs are recorded (null where they are not). */
export function listModels(folders) {
  return folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).flatMap((entry) => {
    if (entry.endsWith('.onnx')) return [{ name: entry.replace('.onnx', ''), file: join(folder, entry), data: null }]
    const file = ['model.onnx', 'model.onnx.gz'].map((name) => join(folder, entry, name)).find((path) => existsSync(path))
    return file === undefined ? [] : [{ name: entry, file, data: join(folder, entry, 'test_data_set_0') }]
  }))
}

/** The bytes of a model. */
export function readModel({ file }) {
  const bytes = readFileSync(file)
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

/** Feeds by name for the inputs of a session: recorded ones, else seeded numbers with 1 for every symbol. */
export function readFeeds({ data }, inputs) {
  return Object.fromEntries(inputs.map(({ name, dtype, shape }, i) => [name, data === null
    ? seededTensor(dtype, shape.map((d) => (typeof d === 'number' ? d : 1)), i + 1, [0, 1])
    : decodeTensorProto(readFileSync(join(data, `input_${i}.pb`)))]))
}
