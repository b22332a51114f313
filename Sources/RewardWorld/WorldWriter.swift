import Dispatch
import FoundationEssentials
import Glibc
import RewardData
import RewardImage
package import RewardModel
import Synchronization

/// Writes a data set: pictures, masks, per-annotator feedback, consolidated records and the truth.
///
/// Pictures are made on several threads and listed in the order of their numbers: the files are the same to the byte
/// whatever the thread count. Memory holds one batch.
package enum WorldWriter {
    package static let annotationsFile = "annotations.jsonl"
    package static let recordsFile = "feedback.tfrecord"
    package static let truthFile = "truth.jsonl"

    /// What was written.
    package struct Summary: Sendable, Equatable {
        /// Numbers used: a pair counts once.
        package var groups = 0
        package var pictures = 0
        package var damaged = 0
        package var contradicted = 0
        package var imageBytes = 0
    }

    /// Makes pictures 0 ..< `count` into `folder`, which is made if it is missing and must not hold a data set yet.
    ///
    /// - Parameter progress: called after each batch.
    package static func write(
        _ builder: WorldBuilder, count: Int, to folder: String, threads: Int, progress: (Summary) -> Void = { _ in }
    ) throws(Failure) -> Summary {
        precondition(count > 0 && threads > 0, "there must be something to do and somebody to do it")
        guard access("\(folder)/\(recordsFile)", F_OK) != 0 else {
            throw Failure(.fileError, "\(folder) already holds a data set")
        }
        for name in ["", "/images", "/masks"] { try makeFolders(folder + name) }
        let annotations = try LineFile(path: "\(folder)/\(annotationsFile)")
        let truths = try LineFile(path: "\(folder)/\(truthFile)")
        var summary = Summary()
        do {
            let records = try TFRecordWriter(path: "\(folder)/\(recordsFile)")
            var start = 0
            while start < count {
                let end = min(start + batch * threads, count)
                for made in try make(builder, start..<end, folder, threads) {
                    for line in made {
                        try annotations.write(line.annotated)
                        try truths.write(line.truth)
                        try records.write(line.record)
                        summary.pictures += 1
                        summary.damaged += line.damaged ? 1 : 0
                        summary.contradicted += line.contradicted ? 1 : 0
                        summary.imageBytes += line.imageBytes
                    }
                    summary.groups += 1
                }
                start = end
                progress(summary)
            }
            try annotations.finish()
            try truths.finish()
            // Last: whoever finds this file finds a whole data set.
            try records.finish()
        } catch let error as FeedbackDataError {
            throw Failure(.fileError, "\(error)")
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(.internalError, "\(error)")
        }
        return summary
    }

    private static let batch = 48

    /// What the lists say about one picture.
    private struct Line: Sendable {
        var annotated: [UInt8]
        var truth: [UInt8]
        var record: [UInt8]
        var damaged: Bool
        var contradicted: Bool
        var imageBytes: Int
    }

    private static func make(
        _ builder: WorldBuilder, _ numbers: Range<Int>, _ folder: String, _ threads: Int
    ) throws -> [[Line]] {
        let next = Atomic<Int>(numbers.lowerBound)
        let results = Mutex<[Int: Result<[Line], any Error>]>([:])
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while true {
                let number = next.add(1, ordering: .relaxed).oldValue
                guard number < numbers.upperBound else { return }
                let made = Result { try builder.pictures(number).map { try write($0, folder) } }
                results.withLock { $0[number] = made }
            }
        }
        let made = results.withLock { $0 }
        return try numbers.map { number in
            guard let result = made[number] else { preconditionFailure("every number was taken by a thread") }
            return try result.get()
        }
    }

    private static func write(_ picture: WorldPicture, _ folder: String) throws -> Line {
        let png = PNGEncoder.encode(picture.image, effort: .fast)
        try WholeFile.write(png, to: "\(folder)/\(picture.annotated.filename)")
        for (map, name) in [
            (picture.mask, picture.truth.mask), (picture.misalignmentMask, picture.truth.misalignmentMask),
        ] {
            if let map, let name { try WholeFile.write(PNGEncoder.encode(map, effort: .fast), to: "\(folder)/\(name)") }
        }
        let record: [UInt8]
        do {
            record = try Consolidation.consolidate(picture.annotated).example()
        } catch {
            throw Failure(.internalError, "\(picture.name): \(error)")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Line(
            annotated: [UInt8](try encoder.encode(picture.annotated)),
            truth: [UInt8](try encoder.encode(picture.truth)), record: record,
            damaged: !picture.truth.damage.isEmpty, contradicted: !picture.truth.contradicted.isEmpty,
            imageBytes: png.count)
    }
}
