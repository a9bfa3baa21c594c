import { useStore } from '@syncline/react'
import { Download, Upload } from 'lucide-react'
import { useId, useRef, useState } from 'react'
import { Button } from '../parts/Button.tsx'
import { codeOf } from '../parts/errors.ts'
import { useNotices, type Notice } from '../parts/Notices.tsx'
import { copyOf, takeIn, type TakenIn } from './copies.ts'

/** Saves the board as a file, which {@link TakeInCopy} takes in again. */
export function SaveCopy() {
  const store = useStore()
  const { notify, announce } = useNotices()
  const [isBusy, setBusy] = useState(false)

  async function save(): Promise<void> {
    setBusy(true)
    try {
      offer(await copyOf(store))
      announce('A copy of the board was saved.')
    } catch (error) {
      notify({ text: `No copy could be made. ${wordsFor(error)}` })
    } finally {
      setBusy(false)
    }
  }

  return (
    <Button disabled={isBusy} onClick={() => void save()}>
      <Download className="size-3.5" aria-hidden /> Save a copy
    </Button>
  )
}

/** Adds what a copy has to what is here. */
export function TakeInCopy({ onDone }: { readonly onDone?: (() => void) | undefined }) {
  const store = useStore()
  const { notify } = useNotices()
  const [isBusy, setBusy] = useState(false)
  const id = useId()
  const chooser = useRef<HTMLInputElement>(null)

  async function take(file: File): Promise<void> {
    setBusy(true)
    try {
      const taken = await takeIn(store, file)
      notify(noticeOf(taken))
      if ('isWhole' in taken) onDone?.()
    } catch (error) {
      notify({ text: `The copy could not be taken in. ${wordsFor(error)}` })
    } finally {
      setBusy(false)
    }
  }

  return (
    <>
      <Button disabled={isBusy} onClick={() => chooser.current!.click()}>
        <Upload className="size-3.5" aria-hidden /> Take in a copy
      </Button>
      <input
        ref={chooser}
        id={id}
        type="file"
        aria-label="A copy of this board"
        accept=".syncline,.json"
        hidden
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? []
          // The same file may be chosen again.
          currentTarget.value = ''
          if (file) void take(file)
        }}
      />
    </>
  )
}

/** The browser saves a file where the person keeps what they download. */
function offer(file: File): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = file.name
  link.click()
  URL.revokeObjectURL(link.href)
}

function noticeOf(taken: TakenIn): Notice {
  switch (taken.outcome) {
    case 'added':
    case 'known': {
      const what = taken.outcome === 'added' ? 'The copy was taken in.' : 'Everything in the copy was here already.'
      return { text: taken.isWhole ? what : `${what} Some of the file is damaged, and was left out.` }
    }
    case 'no-copy':
      return { text: 'This file is no copy of a board.' }
    case 'other-board':
      return {
        text: `This is a copy of another board, “${taken.space}”. It can be taken in there.`,
        action: { label: 'Go there', run: () => location.assign(`/?space=${encodeURIComponent(taken.space)}`) },
      }
  }
}

function wordsFor(error: unknown): string {
  switch (codeOf(error)) {
    case 'invalid-backup':
      return 'This file is no copy of a board.'
    case 'storage-newer':
      return 'It is of a newer version of the app: reload to get that version.'
    case 'storage-full':
      return 'This device is full: make room on it, and try again.'
    case 'storage-blocked':
      return 'Another tab is in the way: close the other tabs of this board, and try again.'
    default:
      return 'This device could not read or write its storage. Try again, or reload the page.'
  }
}
