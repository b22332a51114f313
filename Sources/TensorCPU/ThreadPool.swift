package import Glibc
import Synchronization

/// A fixed set of threads that share numbered pieces of one task at a time.
///
/// Which thread takes which piece changes from run to run; pieces write apart from each other, so results do not.
// Unchecked: `body` and `count` are written only while no worker runs, which the generation counter orders.
package final class ThreadPool: @unchecked Sendable {
    package typealias Body = (_ piece: Int, _ worker: Int) -> Void

    /// How many share the work, the caller's own included: fewer than were asked for where the system grants no more.
    package private(set) var threads = 1
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let generation = Atomic<Int>(0)
    private let next = Atomic<Int>(0)
    private let active = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private var body: Body = { _, _ in }
    private var count = 0
    private var handles: [pthread_t] = []

    package typealias Start = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
    /// Starts a thread; an error's number, or 0.
    package typealias Create = (inout pthread_t, Start, UnsafeMutableRawPointer) -> Int32

    /// - Parameter create: `pthread_create`, except in tests.
    package init(threads: Int, create: Create = { pthread_create(&$0, nil, $1, $2) }) {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        for worker in 1..<max(threads, 1) {
            let start = Unmanaged.passRetained(WorkerStart(pool: self, worker: worker))
            var handle = pthread_t()
            let run: Start = { argument in
                guard let argument else { return nil }
                let start = Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue()
                start.pool.work(start.worker)
                return nil
            }
            guard create(&handle, run, start.toOpaque()) == 0 else {
                // Too many threads for this system: those that started do all the work, with the same results.
                start.release()
                break
            }
            handles.append(handle)
            self.threads += 1
        }
    }

    /// Ends the workers. Call once, when no task runs; the pool lives until then because its threads hold it.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        wake()
        for handle in handles { pthread_join(handle, nil) }
        handles = []
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` for every piece in 0..<count and returns when all are done.
    package func parallel(_ count: Int, _ body: Body) {
        if threads == 1 || count <= 1 {
            for piece in 0..<count { body(piece, 0) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            self.body = escaping
            self.count = count
            next.store(0, ordering: .relaxed)
            active.store(threads - 1, ordering: .relaxed)
            wake()
            take(0)
            var spins = 0
            while active.load(ordering: .acquiring) != 0 {
                spins += 1
                // The last pieces are short; yield rather than burn a core someone else may need.
                if spins > 2000 { sched_yield() }
            }
            self.body = { _, _ in }
        }
    }

    /// Runs `body` for every row in 0..<rows, in pieces of so many rows that each has about `grain` elements to do: a row
    /// may be the three numbers of a pixel.
    package func parallelRows(_ rows: Int, of width: Int, grain: Int = 1 << 13, _ body: (_ row: Int) -> Void) {
        let rowsEach = max(grain / max(width, 1), 1)
        parallel((rows + rowsEach - 1) / rowsEach) { piece, _ in
            for row in piece * rowsEach..<min((piece + 1) * rowsEach, rows) { body(row) }
        }
    }

    private func wake() {
        pthread_mutex_lock(mutex)
        generation.add(1, ordering: .acquiringAndReleasing)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    // Never inlined: its hold on the caller's closure must end before `active` says that this worker is done.
    @inline(never)
    private func take(_ worker: Int) {
        // Once, not for each piece: both threads would count references in one cache line.
        let (body, count) = (body, count)
        while true {
            let piece = next.add(1, ordering: .relaxed).oldValue
            if piece >= count { return }
            body(piece, worker)
        }
    }

    private func work(_ worker: Int) {
        var seen = 0
        while true {
            // Tasks follow each other within microseconds during a pass: look a little before sleeping.
            var spins = 0
            while generation.load(ordering: .acquiring) == seen, spins < 4000 { spins += 1 }
            if spins == 4000 {
                pthread_mutex_lock(mutex)
                while generation.load(ordering: .acquiring) == seen { pthread_cond_wait(condition, mutex) }
                pthread_mutex_unlock(mutex)
            }
            seen = generation.load(ordering: .acquiring)
            if stopping.load(ordering: .acquiring) { return }
            take(worker)
            active.subtract(1, ordering: .acquiringAndReleasing)
        }
    }
}

private final class WorkerStart {
    let pool: ThreadPool
    let worker: Int

    init(pool: ThreadPool, worker: Int) {
        self.pool = pool
        self.worker = worker
    }
}
