import ArgumentParser
import FoundationEssentials
import Glibc
import RewardImage
import RewardModel

/// `rahf score`: one line of JSON, or a table, per image.
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Score images against their prompts.",
        discussion: "Exits 0 only if every image succeeded, 1 if one failed.")

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, table
    }
    enum HeatmapFormat: String, ExpressibleByArgument, CaseIterable {
        case png, npy
    }

    @OptionGroup var scorerOptions: ScorerOptions
    @Option(help: "The prompt of all images named on the command line.")
    var prompt: String?
    @Option(help: "JSON lines with \"image\" and \"prompt\".")
    var list: String?
    @Option(help: "Comma-separated: scores, heatmaps, words. Heatmaps are computed only if --heatmaps-to takes them.")
    var outputs = "scores,heatmaps,words"
    @Option(help: "Folder for NAME.implausibility and NAME.misalignment; made if missing.")
    var heatmapsTo: String?
    @Option(help: "png: 8-bit grey; npy: float32 [height, width].")
    var heatmapFormat = HeatmapFormat.png
    @Option(help: "json: one object per image; table: for people.")
    var format = Format.table
    @Argument(help: "Images: PNG, JPEG or WebP.")
    var images: [String] = []

    func run() throws {
        var wanted = try Self.outputs(outputs)
        if heatmapsTo == nil {
            wanted.remove(.heatmaps)
            guard !wanted.isEmpty else { throw ValidationError("heatmaps need --heatmaps-to DIR") }
        }
        let entries = try entries()
        let scorer = try scorerOptions.load()
        if let heatmapsTo {
            try makeFolders(heatmapsTo)
            // A folder that takes nothing is said before anything is computed.
            guard access(heatmapsTo, W_OK | X_OK) == 0 else {
                throw Failure(.fileError, "\(heatmapsTo): \(String(cString: strerror(errno)))")
            }
        }
        var failed = 0
        var usedNames: Set<String> = []
        let progress = ProgressBar(total: entries.count)
        // Batches bound memory: only these images are decoded at once.
        for start in stride(from: 0, to: entries.count, by: 8) {
            let batch = entries[start..<min(start + 8, entries.count)]
            for var report in score(Array(batch), wanted, scorer) {
                do throws(Failure) { try writeHeatmaps(&report, &usedNames) } catch { report.result = .failure(error) }
                if case .failure = report.result { failed += 1 }
                progress.hide()
                print(format == .json ? report.json(scorer.info).text : report.table)
            }
            // Readers of a pipe see a batch as soon as it is done.
            fflush(nil)
            progress.show(done: batch.endIndex)
        }
        progress.hide()
        if failed > 0 {
            writeError("rahf: \(failed) of \(entries.count) images failed")
            throw ExitCode.failure
        }
    }

    static func outputs(_ text: String) throws -> Outputs {
        var outputs: Outputs = []
        for part in text.split(separator: ",") {
            switch part {
            case "scores": outputs.insert(.scores)
            case "heatmaps": outputs.insert(.heatmaps)
            case "words": outputs.insert(.words)
            default: throw ValidationError("--outputs knows scores, heatmaps and words, not '\(part)'")
            }
        }
        guard !outputs.isEmpty else { throw ValidationError("--outputs names nothing") }
        return outputs
    }

    struct Entry: Decodable {
        var image: String
        var prompt: String
    }

    private func entries() throws -> [Entry] {
        guard let list else {
            guard let prompt else { throw ValidationError("give --prompt TEXT with images, or --list FILE.jsonl") }
            guard !images.isEmpty else { throw ValidationError("no image named") }
            return images.map { Entry(image: $0, prompt: prompt) }
        }
        guard prompt == nil, images.isEmpty else { throw ValidationError("--list brings its own images and prompts") }
        let entries = try Self.parseList(try WholeFile.read(list), name: list)
        guard !entries.isEmpty else { throw ValidationError("\(list) lists no image") }
        return entries
    }

    static func parseList(_ bytes: [UInt8], name: String) throws -> [Entry] {
        var entries: [Entry] = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
            do {
                entries.append(try JSONDecoder().decode(Entry.self, from: Data(line)))
            } catch {
                throw ValidationError(
                    "\(name), line \(index + 1): not a JSON object with strings \"image\" and \"prompt\"")
            }
        }
        return entries
    }

    private func score(_ batch: [Entry], _ wanted: Outputs, _ scorer: any Scorer) -> [Report] {
        var reports: [Report] = []
        var items: [PredictionItem] = []
        var positions: [Int] = []
        for entry in batch {
            do throws(Failure) {
                items.append(
                    try PredictionItem(
                        encodedImage: try WholeFile.read(entry.image), prompt: entry.prompt, outputs: wanted))
                positions.append(reports.count)
                reports.append(
                    Report(
                        image: entry.image, prompt: entry.prompt,
                        result: .failure(Failure(.internalError, "not computed"))))
            } catch {
                reports.append(Report(image: entry.image, prompt: entry.prompt, result: .failure(error)))
            }
        }
        for (position, result) in zip(positions, scorer.predict(items)) { reports[position].result = result }
        return reports
    }

    private func writeHeatmaps(_ report: inout Report, _ usedNames: inout Set<String>) throws(Failure) {
        guard let heatmapsTo, case .success(let prediction) = report.result, let maps = prediction.heatmaps else {
            return
        }
        // Two images of one name from different folders must not overwrite each other.
        var name = stem(report.image)
        var copy = 2
        while !usedNames.insert(name).inserted {
            name = "\(stem(report.image))-\(copy)"
            copy += 1
        }
        for kind in HeatmapKind.allCases {
            guard let map = maps[kind] else { continue }
            let path =
                "\(heatmapsTo.hasSuffix("/") ? heatmapsTo : heatmapsTo + "/")\(name).\(kind.rawValue).\(heatmapFormat.rawValue)"
            try WholeFile.write(
                heatmapFormat == .png
                    ? PNGEncoder.encode(map) : NPYEncoder.encode(map.values, shape: [map.height, map.width]),
                to: path)
            report.heatmapFiles.append((kind, path))
        }
    }
}
