import { CLOSE_CODES } from '@syncline/protocol'
import { StoreError, type Status, type StorageState, type StoreErrorCode } from '@syncline/store'
import { expect, test } from 'vitest'
import { linkTrouble, storageTrouble, type Remedy, type Trouble } from '../src/saving/troubles.ts'
import { fine } from './status.ts'

const message = 'verifyDatabase() of @syncline/idb/care lists them.'

type Expected = readonly [title: string, remedy: Remedy, isClosable: boolean]

/** What each state says, whatever the error is; and what it says for an error that matters. */
const storage: Readonly<Record<StorageState, Readonly<Partial<Record<StoreErrorCode | 'any', Expected>>> | undefined>> =
  {
    ok: undefined,
    saving: undefined,
    blocked: { any: ['Another tab keeps this one from saving', 'save-copy', false] },
    quota: { any: ['This device is full', 'save-copy', false] },
    lost: { any: ['The browser has lost its storage', 'reload', false] },
    damaged: { any: ['Some of the copy on this device is damaged', 'repair', true] },
    evicted: {
      any: ['The copy on this device was cleared', 'reload', false],
      'storage-cleared': ['The copy on this device was cleared', 'take-in-copy', true],
    },
    'memory-only': {
      any: ['Nothing is saved on this device', 'save-copy', true],
      'storage-newer': ['This device has a newer version of the app', 'reload', false],
    },
    degraded: {
      any: ['This device refuses to save', 'reload', false],
      'storage-newer': ['Another tab has a newer version of the app', 'reload', false],
    },
  }

const link: Readonly<Record<string, readonly [title: string, remedy: Remedy, tone: Trouble['tone']]>> = {
  unreachable: ['The relay cannot be reached', 'connect', 'calm'],
  'no-answer': ['The relay does not answer', 'connect', 'calm'],
  silence: ['The relay does not answer', 'connect', 'calm'],
  stopping: ['The relay has no time at the moment', 'connect', 'calm'],
  'too-busy': ['The relay has no time at the moment', 'connect', 'calm'],
  malformed: ['Something went wrong on the way', 'connect', 'calm'],
  'too-large': ['Something went wrong on the way', 'connect', 'calm'],
  'damaged-change': ['Something went wrong on the way', 'connect', 'calm'],
  'closed-4999': ['Something went wrong on the way', 'connect', 'calm'],
  'storage-failed': ['The relay cannot save', 'connect', 'warn'],
  'clock-ahead': ['The clock of this device is ahead', 'connect', 'calm'],
  'protocol-version': ['This page and the relay are of different versions', 'reload', 'warn'],
  'newer-change': ['Somebody uses a newer version of this app', 'reload', 'warn'],
  'storage-newer': ['Somebody uses a newer version of this app', 'reload', 'warn'],
  unauthenticated: ['The relay does not know who you are', 'connect', 'warn'],
  forbidden: ['The relay does not let you into this board', 'connect', 'warn'],
  'epoch-changed': ['The relay has lost its memory of this board', 'start-over', 'bad'],
  unadopted: ['The relay has lost what it had decided', 'connect', 'calm'],
  'storage-evicted': ['This tab is not linked to the relay any more', 'reload', 'warn'],
  'space-taken': ['This tab is not linked to the relay any more', 'reload', 'warn'],
  'signed-out': ['This tab is not linked to the relay any more', 'reload', 'warn'],
}

function isForPeople({ title, text, details }: Trouble): void {
  const said = `${title}. ${text}`
  expect(said).not.toMatch(/@syncline|IndexedDB|\(\)|storage-|store\.|undefined|\.\.|\s{2}/)
  expect(said).toMatch(/^[A-Z].*\.$/)
  expect(title).not.toMatch(/\.$/)
  expect(details).toBe(message)
}

const states = Object.entries(storage) as [StorageState, (typeof storage)[StorageState]][]

test('of a storage that works is said nothing', () => {
  const working = states.flatMap(([state, expected]) => (expected === undefined ? [state] : []))
  expect(working.map((state) => storageTrouble({ ...fine, storage: state }))).toEqual([undefined, undefined])
})

test('of each state of a storage that does not is said what helps, in words for people', () => {
  for (const [state, expected] of states) {
    const texts = Object.entries(expected ?? {}).map(([code, [title, remedy, isClosable]]) => {
      const storageError = new StoreError(code === 'any' ? 'storage-failed' : (code as StoreErrorCode), message)
      const trouble = storageTrouble({ ...fine, storage: state, storageError })!
      expect(trouble).toMatchObject({ tone: 'warn', title, remedy, isClosable })
      isForPeople(trouble)
      return trouble.text
    })
    expect(new Set(texts).size).toBe(texts.length)
  }
})

test('of each problem with the relay is said what helps, in words for people', () => {
  for (const [code, [title, remedy, tone]] of Object.entries(link)) {
    const trouble = linkTrouble({ ...fine, link: 'waiting', retryAtMs: 1, problem: { code, message } })!
    expect(trouble).toMatchObject({ title, remedy, tone, isClosable: false })
    isForPeople(trouble)
  }
  for (const code of Object.keys(CLOSE_CODES)) expect(link).toHaveProperty(code)
  expect(linkTrouble(fine)).toBeUndefined()
})

test('a problem that nobody here knows passes if it is tried again, and else needs a reload', () => {
  const problem = { code: 'of-a-later-version', message }
  expect(linkTrouble({ ...fine, link: 'waiting', retryAtMs: 1, problem })).toMatchObject({ tone: 'calm' })
  expect(linkTrouble({ ...fine, link: 'waiting', problem })).toMatchObject({ tone: 'warn', remedy: 'reload' })
})

test('where a reload would lose changes it is said how many', () => {
  const status: Status = { ...fine, storage: 'memory-only', storageError: new StoreError('storage-newer', message) }
  const textOf = (now: Partial<Status>) => storageTrouble({ ...status, ...now })!.text
  expect(textOf({ saved: 'memory', pending: 3, atRisk: 2 })).toBe(`${textOf({})} 2 changes not sent yet.`)
  // What was stored before is in the newer version, too.
  expect(textOf({ saved: 'device', pending: 2 })).toBe(textOf({}))
})
