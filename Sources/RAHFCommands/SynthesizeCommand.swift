import ArgumentParser
import Glibc
import RewardModel
import RewardWorld

/// `rahf synthesize`: rich feedback whose truth is known.
struct SynthesizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Make a data set of drawn scenes and damaged photographs with three simulated annotators.",
        discussion: """
            Writes images/, masks/, annotations.jsonl (per annotator), feedback.tfrecord (consolidated) and truth.jsonl \
            (what was really done). The same options give the same bytes at any thread count. Folders of photographs may \
            hold a captions.jsonl.
            """)

    @Option(help: "Folder to write; made if missing. It must not hold a data set yet.")
    var out: String
    @Option(help: "How many pictures; a clean and a damaged copy of one count once.")
    var count: Int
    @Option(help: "The same seed gives the same bytes.")
    var seed: UInt64 = 0
    @Option(parsing: .upToNextOption, help: "Folders of photographs.")
    var photographs: [String] = []
    @Option(help: "Width and height in pixels.")
    var size = 192
    @Option(
        help: "Share of drawn scenes; the rest are views of photographs. The default is 0.5, or 1 without photographs.")
    var scenes: Float?
    @Option(help: "Share of views of photographs that come as a clean and a damaged copy.")
    var damagedPhotographs: Float = 1
    @Option(help: "Share of scenes that come as a clean and a damaged copy.")
    var damagedScenes: Float = 0.4
    @Option(help: "Share of prompts that are contradicted.")
    var contradicted: Float = 0.5
    @Option(help: "Kinds of damage: train, test (kept for testing), or names with commas between.")
    var kinds = "train"
    @Option(help: "Share of damaged copies with a second damaged place.")
    var secondPlace: Float = 0.15
    @Option(help: "Threads. The default is the machine's processors.")
    var threads: Int?

    func run() throws {
        let threads = threads ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        guard (1...Predictor.Options.maximumThreads).contains(threads) else {
            throw ValidationError("--threads is \(threads); it must be 1 to \(Predictor.Options.maximumThreads)")
        }
        guard (1...9_999_999).contains(count) else {
            throw ValidationError("--count is \(count); it must be 1 to 9999999")
        }
        let options = try options()
        let builder = try WorldBuilder(options: options, photographFolders: photographs)
        let start = ContinuousClock.now
        let watched = isatty(2) == 1
        let summary = try WorldWriter.write(builder, count: count, to: out, threads: threads) { summary in
            if watched { writeError("\r\(summary.groups) of \(count)", terminator: "") }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        if watched { writeError("\r", terminator: "") }
        print(
            """
            \(out): \(summary.pictures) pictures of \(summary.groups) subjects, \(summary.damaged) damaged, \
            \(summary.contradicted) with contradicted words, \(summary.imageBytes / 1_000_000) MB of images, \
            \((seconds * 10).rounded() / 10) s on \(threads) threads
            """)
    }

    private func options() throws -> WorldOptions {
        guard WorldOptions.sizes.contains(size) else {
            throw ValidationError(
                "--size is \(size); it must be \(WorldOptions.sizes.lowerBound) to \(WorldOptions.sizes.upperBound)")
        }
        let scenes = scenes ?? (photographs.isEmpty ? 1 : 0.5)
        for (name, share) in [
            ("scenes", scenes), ("damaged-photographs", damagedPhotographs), ("damaged-scenes", damagedScenes),
            ("contradicted", contradicted), ("second-place", secondPlace),
        ] where !(0...1).contains(share) {
            throw ValidationError("--\(name) is \(share); it must be 0 to 1")
        }
        if photographs.isEmpty, scenes < 1 {
            throw ValidationError("--scenes \(scenes) asks for photographs: give --photographs DIR")
        }
        return WorldOptions(
            seed: seed, size: size, scenes: scenes, damagedPhotographs: damagedPhotographs,
            damagedScenes: damagedScenes, contradicted: contradicted, kinds: try damageKinds(),
            secondPlace: secondPlace)
    }

    private func damageKinds() throws -> [DamageKind] {
        switch kinds {
        case "train": return DamageKind.train
        case "test": return DamageKind.test
        default:
            return try kinds.split(separator: ",", omittingEmptySubsequences: false).map { name in
                guard let kind = DamageKind(rawValue: String(name)) else {
                    let known = DamageKind.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("'\(name)' is no kind of damage; there are train, test, \(known)")
                }
                return kind
            }
        }
    }
}
