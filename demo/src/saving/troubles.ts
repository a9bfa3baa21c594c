import type { FailureCode } from '@syncline/protocol'
import type { Problem, Status, StorageState } from '@syncline/store'
import { several } from './words.ts'

/** What somebody can do about a trouble: one thing, the one that helps. */
export type Remedy = 'save-copy' | 'take-in-copy' | 'repair' | 'reload' | 'connect' | 'start-over'

/** Something that is wrong, in words for who uses the board. */
export interface Trouble {
  /** While it has the same name it is the same trouble. */
  readonly name: string
  /** `calm`: it is over by itself, and nothing is wrong until then. It is said where the link is shown, and not above the board. */
  readonly tone: 'calm' | 'warn' | 'bad'
  /** Without the stop at its end. */
  readonly title: string
  readonly text: string
  readonly remedy: Remedy
  /** It is only told: to have read it is enough. What still goes wrong stays in sight. */
  readonly isClosable: boolean
  /** For whoever looks after the app. */
  readonly details: string | undefined
}

interface Words {
  readonly tone?: Trouble['tone']
  readonly title: string
  readonly text: string
  readonly remedy: Remedy
  readonly isClosable?: boolean
}

const untilThere =
  'Until then new changes go to the relay only, and are lost with this tab where they are not there yet.'

const storageWords: Readonly<Record<Exclude<StorageState, 'ok' | 'saving'>, Words>> = {
  blocked: {
    title: 'Another tab keeps this one from saving',
    text: `Bring the other tabs of this board to the front, or close them. ${untilThere}`,
    remedy: 'save-copy',
  },
  quota: {
    title: 'This device is full',
    text: `Make room on it, and saving goes on by itself. ${untilThere}`,
    remedy: 'save-copy',
  },
  lost: {
    title: 'The browser has lost its storage',
    text: `It is opened again, mostly within a moment. If this stays, reload the page. ${untilThere}`,
    remedy: 'reload',
  },
  degraded: {
    title: 'This device refuses to save',
    text: `It is tried again each second. If this stays, reload the page. ${untilThere}`,
    remedy: 'reload',
  },
  evicted: {
    title: 'The copy on this device was cleared',
    text: 'By the browser, or by you. What you see is in this tab, and nothing more is saved on this device until you reload.',
    remedy: 'reload',
  },
  'memory-only': {
    title: 'Nothing is saved on this device',
    text: 'The browser gives this page no storage, as in some private windows. Changes go to the relay only, and what is not there yet is lost with this tab.',
    remedy: 'save-copy',
    isClosable: true,
  },
  damaged: {
    title: 'Some of the copy on this device is damaged',
    text: 'It was set aside, and everything else is here. What the relay has of it comes back from there.',
    remedy: 'repair',
    isClosable: true,
  },
}

const clearedWords: Words = {
  title: 'The copy on this device was cleared',
  text: 'By the browser, or by you. What the relay has comes back from there; what was on this device alone is gone, unless you have saved a copy of it.',
  remedy: 'take-in-copy',
  isClosable: true,
}

/** What to say when newer code has written here, by what this tab can still do. */
const newerWords: Readonly<Partial<Record<StorageState, Words>>> = {
  'memory-only': {
    title: 'This device has a newer version of the app',
    text: 'Changes go to the relay only until you reload to get that version.',
    remedy: 'reload',
  },
  degraded: {
    title: 'Another tab has a newer version of the app',
    text: 'What is done there cannot be shown here until you reload to get that version. What you do here is saved.',
    remedy: 'reload',
  },
}

/** What is wrong with the storage of this device, if anything is. */
export function storageTrouble(status: Status): Trouble | undefined {
  const { storage, storageError } = status
  if (storage === 'ok' || storage === 'saving') return undefined
  const code = storageError?.code
  const words =
    (code === 'storage-newer' && newerWords[storage]) ||
    (storage === 'evicted' && code === 'storage-cleared' && clearedWords) ||
    storageWords[storage]
  return asTrouble(`storage ${storage} ${code}`, words, status, storageError?.message)
}

/** Why a link is not up, by the relay or by this side of it. */
type LinkCode =
  | FailureCode
  | 'unreachable'
  | 'no-answer'
  | 'silence'
  | 'clock-ahead'
  | 'damaged-change'
  | 'newer-change'
  | 'unadopted'
  | 'storage-newer'
  | 'storage-evicted'
  | 'space-taken'
  | 'signed-out'

const sentLater = 'Go on working: what you do is sent as soon as there is a way.'

const silent: Words = {
  title: 'The relay does not answer',
  text: `It is tried again and again. ${sentLater}`,
  remedy: 'connect',
  tone: 'calm',
}
const busy: Words = {
  title: 'The relay has no time at the moment',
  text: `It is tried again in a while. ${sentLater}`,
  remedy: 'connect',
  tone: 'calm',
}
const disturbed: Words = {
  title: 'Something went wrong on the way',
  text: `It is tried again. ${sentLater}`,
  remedy: 'connect',
  tone: 'calm',
}
const newerApp: Words = {
  title: 'Somebody uses a newer version of this app',
  text: 'What they do cannot be shown here, and nothing is sent, until you reload to get that version.',
  remedy: 'reload',
}
const anew: Words = {
  title: 'This tab is not linked to the relay any more',
  text: 'What you do here is not sent. Reload to go on.',
  remedy: 'reload',
}

const problemWords: Readonly<Record<LinkCode, Words>> = {
  unreachable: {
    title: 'The relay cannot be reached',
    text: `There is no network, or the relay is away. ${sentLater}`,
    remedy: 'connect',
    tone: 'calm',
  },
  'no-answer': silent,
  silence: silent,
  stopping: busy,
  'too-busy': busy,
  malformed: disturbed,
  'too-large': disturbed,
  'damaged-change': disturbed,
  'storage-failed': {
    title: 'The relay cannot save',
    text: `It is tried again. ${sentLater} Tell whoever runs the relay if this stays.`,
    remedy: 'connect',
  },
  'clock-ahead': {
    title: 'The clock of this device is ahead',
    text: 'The relay is asked for the time, and that is used. Set the clock if you can.',
    remedy: 'connect',
    tone: 'calm',
  },
  'protocol-version': {
    title: 'This page and the relay are of different versions',
    text: 'Nothing is sent until they fit. Reload to get the version that does; if that does not help, the relay is older, and somebody has to update it.',
    remedy: 'reload',
  },
  'newer-change': newerApp,
  'storage-newer': newerApp,
  unauthenticated: {
    title: 'The relay does not know who you are',
    text: `Ask whoever runs it to let you in, and try again. ${sentLater}`,
    remedy: 'connect',
  },
  forbidden: {
    title: 'The relay does not let you into this board',
    text: `Ask whoever runs it to let you in, and try again. ${sentLater}`,
    remedy: 'connect',
  },
  'epoch-changed': {
    title: 'The relay has lost its memory of this board',
    text: 'It has begun anew, so the two cannot be joined as they are. Nothing here is lost: go on working on this device alone, or save a copy, start over with what the relay has, and take the copy in again.',
    remedy: 'start-over',
    tone: 'bad',
  },
  unadopted: {
    title: 'The relay has lost what it had decided',
    text: 'It was brought back, and waits until whoever runs the relay says what counts. Until then the relay decides nothing; all else goes on, and is saved.',
    remedy: 'connect',
    tone: 'calm',
  },
  'storage-evicted': anew,
  'space-taken': anew,
  'signed-out': anew,
}

/** What is wrong with the link to the relay, if anything is. */
export function linkTrouble(status: Status): Trouble | undefined {
  const { problem } = status
  if (problem === undefined) return undefined
  const words = wordsFor(problem, status.link === 'waiting' && status.retryAtMs === undefined)
  return asTrouble(`link ${problem.code}`, words, status, problem.message)
}

/** A relay of a later version may have codes that nobody here knows. */
function wordsFor({ code }: Problem, isStuck: boolean): Words {
  if (Object.hasOwn(problemWords, code)) return problemWords[code as LinkCode]
  return isStuck ? anew : disturbed
}

function asTrouble(
  name: string,
  { tone = 'warn', title, text, remedy, isClosable = false }: Words,
  status: Status,
  details: string | undefined,
): Trouble {
  const unsent = remedy === 'reload' ? status.atRisk : 0
  const count = unsent === 0 ? '' : ` ${several(unsent, 'change')} not sent yet.`
  return { name, tone, title, text: text + count, remedy, isClosable, details }
}
