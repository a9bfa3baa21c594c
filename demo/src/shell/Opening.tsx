/** Shown while the data of this device is read: usually for less than a blink, so it comes in late. */
export function Opening() {
  return (
    <div
      role="status"
      aria-label="Opening the board"
      className="flex h-full animate-[fade_300ms_ease-out_250ms_backwards] flex-col"
    >
      <div className="flex h-14 items-center px-4">
        <span className="h-5 w-32 animate-pulse rounded-md bg-lane" />
      </div>
      <div className="flex flex-1 items-start gap-3 overflow-hidden px-4">
        {[5, 3, 4].map((count, column) => (
          <div key={column} className="w-[18.5rem] shrink-0 animate-pulse space-y-2 rounded-2xl bg-lane p-2 pt-11">
            {Array.from({ length: count }, (_, index) => (
              <div key={index} className="h-11 rounded-xl bg-surface/60" />
            ))}
          </div>
        ))}
      </div>
    </div>
  )
}
