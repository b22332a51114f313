import ArgumentParser
import Glibc
import RewardImage
import RewardModel

/// `rahf rerank`: the most plausible of several repaints, or the original when none is better.
struct RerankCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rerank",
        abstract: "Choose the most plausible of several repaints of an image, or the image itself.",
        discussion: """
            A repaint can win only if its plausibility is above the original's, its alignment not below it by more than \
            a tolerance, the mean implausibility under the mask lower, and the pixels outside the mask unchanged. \
            Prints a line of JSON per original; with --out writes ranking.jsonl, a copy of each chosen picture to \
            results/ and a before-and-after sheet to sheets/. Exits 1 if an original could not be judged.
            """)

    @OptionGroup var scorerOptions: ScorerOptions
    @Option(help: "The image that was repainted.")
    var original: String?
    @Option(help: "Its mask: a grey picture of its size, above 0 where it was repainted.")
    var mask: String?
    @Option(help: "Its prompt.")
    var prompt: String?
    @Option(help: "JSON lines with \"original\", \"mask\", \"prompt\" and \"candidates\".")
    var list: String?
    @Flag(help: "The mask is 0 where the image was repainted.")
    var invert = false
    @OptionGroup var guardrails: RerankArguments
    @Option(help: "Folder for ranking.jsonl, results and sheets; made if missing.")
    var out: String?
    @Argument(help: "The repaints: PNG, JPEG or WebP.")
    var candidates: [String] = []

    struct Job: Decodable {
        var original: String
        var mask: String
        var prompt: String
        var candidates: [String]
    }

    func run() throws {
        let options = try guardrails.options()
        let jobs = try jobs()
        var folder = try out.map { try ResultFolder(path: $0, stems: jobs.map { stem($0.original) }) }
        let reranker = Reranker(scorer: try scorerOptions.load(), options: options)
        var failed = 0
        var lines: [String] = []
        for job in jobs {
            var report = RankingReport(
                original: job.original, mask: job.mask, prompt: job.prompt,
                result: .failure(Failure(.internalError, "not judged")))
            do throws(Failure) {
                let (image, notes) = try loadImage(job.original)
                let mask = try Self.loadMask(job.mask, invert: invert)
                let ranking = try reranker.rank(
                    original: image, notes: notes, mask: mask, prompt: job.prompt,
                    candidates: job.candidates.map(Self.load))
                report.result = .success(ranking)
                try folder?.write(&report, ranking, image, mask)
            } catch {
                report.result = .failure(error)
                failed += 1
            }
            lines.append(report.json(reranker.scorer.info).text)
            print(lines[lines.count - 1])
        }
        if let out {
            try WholeFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: "\(out)/ranking.jsonl")
        }
        if failed > 0 {
            writeError("rahf: \(failed) of \(jobs.count) originals failed")
            throw ExitCode.failure
        }
    }

    private func jobs() throws -> [Job] {
        if let list {
            guard original == nil, mask == nil, prompt == nil, candidates.isEmpty else {
                throw ValidationError("--list brings its own originals, masks, prompts and candidates")
            }
            let jobs = try parseLines(
                try WholeFile.read(list), name: list, Job.self,
                "with strings \"original\", \"mask\" and \"prompt\" and a list \"candidates\"")
            guard !jobs.isEmpty else { throw ValidationError("\(list) lists nothing") }
            if let bare = jobs.first(where: { $0.candidates.isEmpty }) {
                throw ValidationError("\(bare.original) has no candidates")
            }
            return jobs
        }
        guard let original, let mask, let prompt else {
            throw ValidationError("give --original, --mask and --prompt with candidates, or --list FILE.jsonl")
        }
        guard !candidates.isEmpty else { throw ValidationError("no candidate named") }
        return [Job(original: original, mask: mask, prompt: prompt, candidates: candidates)]
    }

    private static func loadMask(_ path: String, invert: Bool) throws(Failure) -> Mask {
        let picture = try loadImage(path).image
        do {
            let mask = try Mask(picture)
            return invert ? mask.inverted : mask
        } catch { throw Failure(.invalidRequest, "\(path): \(error)") }
    }

    private static func load(_ path: String) -> Candidate {
        do throws(Failure) { return Candidate(path: path, image: try loadImage(path).image) } catch {
            return Candidate(path: path, problem: error.description)
        }
    }
}

/// Where chosen pictures and sheets go, named after their originals.
struct ResultFolder {
    let path: String

    /// Checks names, and that no stranger's results are there.
    init(path: String, stems: [String]) throws {
        self.path = path
        var seen: Set<String> = []
        for stem in stems where !seen.insert(stem).inserted {
            throw ValidationError("two originals are called \(stem): their results would be one file")
        }
        let isOurs = access("\(path)/ranking.jsonl", F_OK) == 0
        for subfolder in [MaskFolder.results, MaskFolder.sheets] {
            let files = try Folders.names("\(path)/\(subfolder)", missingIsEmpty: true)
            if !isOurs, let file = files.first {
                throw Failure(.fileError, "\(path)/\(subfolder)/\(file) exists and no ranking.jsonl beside it does")
            }
            try makeFolders("\(path)/\(subfolder)")
        }
    }

    /// Writes the sheet and a copy of the chosen picture, and names them in the report.
    mutating func write(
        _ report: inout RankingReport, _ ranking: Ranking, _ original: Image, _ mask: Mask
    ) throws(Failure) {
        for (name, bytes) in try Self.files(report, ranking, original, mask) {
            // A chosen picture of an earlier run may have had another format.
            if name.hasPrefix(MaskFolder.results) {
                for old in try Folders.names("\(path)/\(MaskFolder.results)") where stem(old) == stem(name) {
                    unlink("\(path)/\(MaskFolder.results)/\(old)")
                }
            }
            try WholeFile.write(bytes, to: "\(path)/\(name)")
        }
        report.chosenCopy = Self.copyName(report, ranking)
        report.sheet = Self.sheetName(report)
    }

    /// The files of one ranking, by their names in an output folder.
    static func files(
        _ report: RankingReport, _ ranking: Ranking, _ original: Image, _ mask: Mask
    ) throws(Failure) -> [(String, [UInt8])] {
        var files = [
            (copyName(report, ranking), try WholeFile.read(ranking.winner?.candidate.path ?? report.original))
        ]
        if let sheet = RerankSheet(ranking, original: original, mask: mask).picture {
            files.append((sheetName(report), PNGEncoder.encode(sheet)))
        }
        return files
    }

    static func copyName(_ report: RankingReport, _ ranking: Ranking) -> String {
        let chosen = ranking.winner?.candidate.path ?? report.original
        let name = chosen.split(separator: "/").last.map(String.init) ?? chosen
        return "\(MaskFolder.results)/\(stem(report.original))\(name.dropFirst(stem(chosen).count))"
    }

    static func sheetName(_ report: RankingReport) -> String {
        "\(MaskFolder.sheets)/\(stem(report.original)).png"
    }
}
