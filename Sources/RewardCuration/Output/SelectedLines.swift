import Dispatch
import Glibc
import RewardModel
import Synchronization

/// Writes chosen lines of a list as they came, with the model's scores in place of none: parts are put together on
/// several threads and lie in the file in their order.
struct SelectedLines {
    var list: CandidateList
    var picks: PartitionedRecords<PickRecord>
    var threads: Int

    /// - Parameter chosen: the candidate of a pick whose line is written, or nil.
    func write(to path: String, _ chosen: @Sendable (PickRecord) -> CandidateRecord?) throws(Failure) {
        let file = try OrderedFile(path: path)
        let next = Atomic(0)
        let failure = Mutex<Failure?>(nil)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            var window = CandidateList.Window(list)
            do throws(Failure) {
                while case let part = next.add(1, ordering: .relaxed).oldValue,
                    part < PartitionedRecords<PickRecord>.parts
                {
                    var bytes: [UInt8] = []
                    for pick in PickRecord.inOrder(try picks.load(part)) {
                        if let record = chosen(pick) { try add(record, &window, to: &bytes) }
                    }
                    try file.put(part, bytes)
                }
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    private func add(
        _ record: CandidateRecord, _ window: inout CandidateList.Window, to bytes: inout [UInt8]
    ) throws(Failure) {
        if record.state.isModelScored {
            var line = try list.line(at: record.offset)
            line.scores = record.scoreVector
            bytes.append(contentsOf: line.json.utf8)
        } else {
            try window.withLine(at: record.offset) { (line) throws(Failure) in bytes.append(contentsOf: line) }
            bytes.append(0x0a)
        }
    }
}

/// A file whose pieces come from several threads in any order, and lie in it in the order of their numbers from 0.
private final class OrderedFile: Sendable {
    /// Pieces that may wait while another thread writes.
    private static let mostWaiting = 8

    private let file: SystemFile
    private let waiting = Mutex<[Int: [UInt8]]>([:])
    /// Bytes written; who holds it writes.
    private let pen = Mutex(0)
    /// The piece to write next; only the pen's holder moves it.
    private let next = Atomic(0)

    init(path: String) throws(Failure) {
        file = try SystemFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    }

    /// Hands over a piece; it is written now, or by the thread that writes at the moment.
    func put(_ piece: Int, _ bytes: [UInt8]) throws(Failure) {
        let count = waiting.withLock { waiting in
            waiting[piece] = bytes
            return waiting.count
        }
        if count > Self.mostWaiting { try pen.withLock { (written) throws(Failure) in try drain(&written) } }
        // Asked again after the pen is free: another thread may have come too late for its holder to see.
        while waiting.withLock({ $0[next.load(ordering: .acquiring)] != nil }) {
            let tookPen = try pen.withLockIfAvailable { (written) throws(Failure) in
                try drain(&written)
                return true
            }
            if tookPen == nil { return }
        }
    }

    private func drain(_ written: inout Int) throws(Failure) {
        let number = next.load(ordering: .relaxed)
        var at = number
        defer { next.store(at, ordering: .releasing) }
        while let bytes = waiting.withLock({ $0.removeValue(forKey: at) }) {
            try bytes.withRawBytes { (raw) throws(Failure) in try file.write(raw, at: written) }
            written += bytes.count
            at += 1
        }
    }
}
