import type { Chance, Clock } from './ports.ts'

/**
 * Notices that the tab that runs the link stands still: a debugger holds it, its machine is out of memory, a script of it does not end. It keeps its
 * lock then, and is not told of anything.
 *
 * It is asked, and answers, by messages, for timers of tabs in the background come late. All waiting tabs hear the question and the answer, so
 * that they ask about as often as one of them would.
 */
export interface Vigil {
  /** This tab waits from now on for another one. */
  begin(): void
  /** Says that this tab runs the link. */
  answer(): void
  /** Somebody runs the link, and has said so. */
  onAnswer(message: Answer): void
  onAsk(question: Question): void
  end(): void
}

/** What a tab asks, and all others hear. Older code says nothing of it. */
export interface Question {
  readonly type: 'ask'
  /** How often it was asked since the last answer. Several who ask at once ask one question. */
  readonly count?: number
  /** The last answer that was heard. A question that comes later than its answer is over. */
  readonly seq?: number
}

/** That the tab which runs the link does not stand still. */
export interface Answer {
  readonly type: 'answer'
  /** Which answer this is. Older code does not say. */
  readonly seq?: number
}

/** How long nothing is asked after an answer, and how much longer by chance, so that of many tabs one asks. */
const REST_MS = 1500
const SPREAD_MS = 500
/**
 * How long an answer may take, and how much longer by chance, so that of many tabs one takes over. A tab that works answers between two tasks, so it is one that lasts longer that is taken
 * for no end. All together is less than the five seconds in which another tab is to run the link.
 */
const PATIENCE_MS = 1250
const PATIENCE_SPREAD_MS = 150
/** After a machine has slept, timers come before the messages that have waited; they do not come twice. */
const MOST_ASKED = 2

/** Makes the vigil of one open store. `onSilence` is called when nobody has answered. */
export function createVigil(
  clock: Clock,
  chance: Chance,
  tell: (message: Question | Answer) => void,
  onSilence: () => void,
): Vigil {
  let cancel: (() => void) | undefined
  /** How often has been asked since the last answer. */
  let asked = 0
  /** Which answer was the last. */
  let answers = 0

  function wait(ms: number, spreadMs: number): void {
    cancel?.()
    cancel = clock.setTimer(ms + spreadMs * chance.fraction(), look)
  }

  function look(): void {
    if (asked >= MOST_ASKED) {
      onSilence()
      rest()
      return
    }
    const question: Question = { type: 'ask', count: asked + 1, seq: answers }
    tell(question)
    onAsk(question)
  }

  function onAsk({ count = asked + 1, seq = answers }: Question): void {
    if (cancel === undefined || seq !== answers) return
    if (count > asked) asked = count
    wait(PATIENCE_MS, PATIENCE_SPREAD_MS)
  }

  function rest(): void {
    asked = 0
    wait(REST_MS, SPREAD_MS)
  }

  return {
    begin: rest,
    answer: () => tell({ type: 'answer', seq: ++answers }),
    onAnswer({ seq = answers }) {
      answers = seq
      if (cancel !== undefined) rest()
    },
    onAsk,
    end() {
      cancel?.()
      cancel = undefined
    },
  }
}
