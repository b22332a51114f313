import Dispatch
import Synchronization

/// Makes the batches of the coming passes on a thread of its own while the current one is computed.
///
/// Batches come in order, and each follows from its number alone: how far ahead the thread is changes nothing.
final class BatchLoader: Sendable {
    private let ready = DispatchSemaphore(value: 0)
    private let room = DispatchSemaphore(value: 0)
    private let queue = Mutex<[Result<TrainingBatch, TrainingError>]>([])
    private let stopped = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Starts at a pass and ends before `end`.
    ///
    /// - Parameter ahead: most batches in memory beside the one in use.
    init(_ maker: sending BatchMaker, from start: Int, to end: Int, ahead: Int = 3) {
        // Not its first value: a semaphore may not go away while below that.
        for _ in 0..<ahead { room.signal() }
        let box = MakerBox(maker: maker)
        DispatchQueue.global(qos: .userInitiated).async { [self] in
            for pass in start..<end {
                room.wait()
                if stopped.load(ordering: .acquiring) { break }
                let result: Result<TrainingBatch, TrainingError>
                do throws(TrainingError) { result = .success(try box.maker.batch(pass)) } catch {
                    result = .failure(error)
                }
                queue.withLock { $0.append(result) }
                ready.signal()
                if case .failure = result { break }
            }
            ended.signal()
        }
    }

    /// The next batch, waited for.
    func next() throws(TrainingError) -> TrainingBatch {
        ready.wait()
        let result = queue.withLock { $0.removeFirst() }
        room.signal()
        return try result.get()
    }

    /// Ends the thread, and returns when it has.
    func stop() {
        stopped.store(true, ordering: .releasing)
        room.signal()
        ended.wait()
    }
}

// Unchecked: the maker is handed over whole and only the loader's thread uses it.
private final class MakerBox: @unchecked Sendable {
    let maker: BatchMaker

    init(maker: BatchMaker) {
        self.maker = maker
    }
}
