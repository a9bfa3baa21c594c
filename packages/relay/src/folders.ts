import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes a folder, and those above it; what was made is on the disk, and not only what will be in it. Not by the recursive option of `mkdir`: below /proc, Node 20 tries that for ever. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  mkdirSync(path)
  flush(parent)
}

/** Waits until a file, or the names in a folder, are on the disk. */
export function flush(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
