/** A small network as the bytes of an ONNX file, for who has none at hand. */
import { inferenceMode, manualSeed, nn, toOnnx, trace } from '../../src/index.js'

/** Two convolutions and a classifier over pictures of 32 × 32, any number of them; its weights are random. */
export function smallModel(): Uint8Array {
  manualSeed(1)
  const network = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }), new nn.ReLU(), new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(), new nn.Linear(32, 10), new nn.Softmax(1),
  )
  return toOnnx(inferenceMode(() => trace(network.eval(), [{ shape: ['batch', 3, 32, 32] }], { names: ['pictures'], outputs: ['classes'] })))
}
