import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createFrameReader, encodeFrames } from '@syncline/protocol'
import { expect, test } from 'vitest'

/** Nobody but a test wants to collect garbage. */
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

function heldBytes(): number {
  gc()
  return process.memoryUsage().heapUsed
}

test('an id that was read is held as its digits are, and not as the pieces that it was made of', () => {
  const reader = createFrameReader({ maxPacketBytes: 65_536 })
  const read = (number: number): string => {
    const epoch = number.toString(16).padStart(32, '0')
    const [frame] = reader.push(encodeFrames([{ type: 'epoch', channel: 1, epoch }], 1024)[0]!)
    return frame?.type === 'epoch' ? frame.epoch : ''
  }
  const count = 20_000
  const ids = Array.from({ length: count }, () => '')
  // What is read first fills what is kept for all.
  for (let i = 0; i < count; i++) read(i)
  const before = heldBytes()
  for (let i = 0; i < count; i++) ids[i] = read(count + i)
  expect((heldBytes() - before) / count).toBeLessThan(80)
  expect(ids[count - 1]).toBe((2 * count - 1).toString(16).padStart(32, '0'))
})
