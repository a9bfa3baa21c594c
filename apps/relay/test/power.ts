import { dirname } from 'node:path'
import { createFrameReader, type Frame } from '@syncline/protocol'
import type { Call } from './trace.ts'

/** A disk forgets blocks of this size, or has them. */
const BLOCK_BYTES = 4096

/** Something that was written to a file. */
interface Write {
  readonly at: number
  readonly bytes: Buffer
  readonly began: number
  readonly ended: number
  /** When it returns, it is on the disk. */
  readonly isSynchronous: boolean
}

/** What a program has done to one of its files, as a trace tells it. */
export interface TracedFile {
  /** Where something was written or flushed. */
  readonly moments: readonly number[]
  /**
   * What the file may be after a loss of power at a moment: all that was flushed by then, and of the rest those blocks of which `isKept` says so. A flush counts
   * when it has returned, and takes along what had been written before it began. Nothing, when its name may be lost, or that of a folder it is in.
   */
  afterPowerLoss(moment: number, isKept: () => boolean): Buffer
  /** How many writes a loss of power at a moment might take. */
  unflushed(moment: number): number
}

export function tracedFile(calls: readonly Call[], path: string): TracedFile {
  const writes: Write[] = []
  const flushes: Call[] = []
  /** By file descriptor: where it stands, and whether it is a synchronous one. */
  const places = new Map<number, number>()
  const synchronous = new Map<number, boolean>()
  for (const call of calls) {
    const { name, fd, bytes, result, began, ended } = call
    if (call.target !== path || result < 0) continue
    if (name === 'openat') {
      places.set(fd, 0)
      synchronous.set(fd, call.isSynchronous)
    } else if (name === 'lseek') places.set(fd, result)
    else if (name === 'fdatasync' || name === 'fsync') flushes.push(call)
    else if (/^p?writev?(64)?$/.test(name)) {
      const at = call.at ?? places.get(fd)!
      if (call.at === undefined) places.set(fd, at + result)
      writes.push({ at, bytes: bytes.subarray(0, result), began, ended, isSynchronous: synchronous.get(fd) === true })
    } else throw new Error(`${name} of ${path} is not understood`)
  }

  const isFlushed = ({ isSynchronous, ended }: Write, moment: number): boolean =>
    (isSynchronous && ended <= moment) || flushes.some((flush) => flush.began >= ended && flush.ended <= moment)
  const until = (moment: number): readonly Write[] => writes.filter(({ began }) => began < moment)

  return {
    moments: [...writes, ...flushes].flatMap(({ began, ended }) => [began, ended + 1]).sort((a, b) => a - b),
    unflushed: (moment) => until(moment).filter((write) => !isFlushed(write, moment)).length,
    afterPowerLoss(moment, isKept) {
      let file = Buffer.alloc(0)
      if (!isNamed(calls, path, moment) && !isKept()) return file
      for (const write of until(moment)) {
        const isSure = isFlushed(write, moment)
        for (let from = 0; from < write.bytes.length;) {
          const to = Math.min(write.bytes.length, from + BLOCK_BYTES - ((write.at + from) % BLOCK_BYTES))
          if (isSure || isKept()) {
            const end = write.at + to
            if (end > file.length) file = Buffer.concat([file, Buffer.alloc(end - file.length)])
            write.bytes.copy(file, write.at + from, from, to)
          }
          from = to
        }
      }
      return file
    },
  }
}

/** Whether a name is on the disk: it was there before, or what it stands in was flushed since; and so it is with that. */
function isNamed(calls: readonly Call[], path: string, moment: number): boolean {
  const made = calls.find(({ isNaming, target, result }) => isNaming && target === path && result >= 0)
  if (made === undefined) return true
  const folder = dirname(path)
  const isFlushed = calls.some(
    ({ name, target, result, began, ended }) =>
      name === 'fsync' && target === folder && result >= 0 && began >= made.ended && ended <= moment,
  )
  return isFlushed && isNamed(calls, folder, moment)
}

/** Something that was said to a client, and the moment in which that began. */
export interface Said {
  readonly frame: Frame
  readonly moment: number
}

/** All that a relay said through WebSockets, as a trace tells it. */
export function saidIn(calls: readonly Call[]): readonly Said[] {
  const said: Said[] = []
  const streams = new Map<
    string,
    { waiting: Buffer; isOpen: boolean; readonly reader: ReturnType<typeof createFrameReader> }
  >()
  for (const { name, target, bytes, result, began } of calls) {
    if (!target.startsWith('socket:') || result <= 0 || !/^(writev?|sendto|sendmsg)$/.test(name)) continue
    let stream = streams.get(target)
    if (stream === undefined || bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') {
      stream = {
        waiting: Buffer.alloc(0),
        isOpen: false,
        reader: createFrameReader({ maxPacketBytes: 64 * 1024 * 1024 }),
      }
      streams.set(target, stream)
    }
    stream.waiting = Buffer.concat([stream.waiting, bytes.subarray(0, result)])
    if (!stream.isOpen) {
      const end = stream.waiting.indexOf('\r\n\r\n')
      if (end < 0) continue
      stream.isOpen = true
      stream.waiting = stream.waiting.subarray(end + 4)
    }
    for (let message = messageIn(stream.waiting); message !== undefined; message = messageIn(stream.waiting)) {
      stream.waiting = stream.waiting.subarray(message.bytes)
      // Of a binary message; others close the socket.
      if (message.kind === 0x82)
        for (const frame of stream.reader.push(message.payload)) said.push({ frame, moment: began })
    }
  }
  return said
}

/** The first WebSocket frame of a server among bytes, if it is all there. */
function messageIn(
  bytes: Buffer,
): { readonly kind: number; readonly payload: Buffer; readonly bytes: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes[1]!
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < start + length) return undefined
  return { kind: bytes[0]!, payload: bytes.subarray(start, start + length), bytes: start + length }
}
