import Glibc
import RewardImage
import RewardModel

/// Repaints an image several times and ranks what came out.
struct RepairStep {
    var inpainter: Inpainter
    var reranker: Reranker
    /// Candidates per image.
    var runs: Int
    var seed: Int
    /// The masks on disk are inverted.
    var invert: Bool
    var rankings: [RankingReport]

    /// Images whose original was replaced.
    var repaired: Int {
        rankings.filter { report in
            if case .success(let ranking) = report.result { return ranking.winner != nil }
            return false
        }.count
    }

    /// Images that could not be judged. A failed candidate is no failed image.
    var failed: Int {
        rankings.filter { report in
            if case .failure = report.result { return true }
            return false
        }.count
    }

    /// Runs the inpainter and the rerank for one masked image. `mask` is as written, inverted or not.
    mutating func run(_ report: MaskReport, image: Image, mask: Mask, folder: inout MaskFolder) async throws(Failure) {
        let stem = report.input.stem
        let prompt = report.input.prompt ?? ""
        let maskFile = "\(folder.path)/\(stem).png"
        // A name that starts with a dash must not become an option.
        let imageFile = report.input.image.hasPrefix("-") ? "./\(report.input.image)" : report.input.image
        var candidates: [Candidate] = []
        for offset in 0..<runs {
            let base = "\(folder.path)/\(MaskFolder.candidates)/\(stem).\(seed + offset)"
            let values = CommandTemplate.Values(
                image: imageFile, mask: maskFile, prompt: prompt, seed: seed + offset, out: "\(base).png")
            let candidate = await inpainter.run(values, log: "\(base).log")
            if let problem = candidate.problem { print("  seed \(seed + offset) failed: \(problem)") }
            candidates.append(candidate)
        }
        var line = RankingReport(
            original: report.input.image, mask: maskFile, prompt: prompt,
            result: .failure(Failure(.internalError, "not judged")))
        do throws(Failure) {
            let repainted = invert ? mask.inverted : mask
            let ranking = try reranker.rank(
                original: image, mask: repainted, prompt: prompt, candidates: candidates)
            for (name, bytes) in try ResultFolder.files(line, ranking, image, repainted) {
                try folder.write(bytes, name)
            }
            line.chosenCopy = "\(folder.path)/\(ResultFolder.copyName(line, ranking))"
            line.sheet = "\(folder.path)/\(ResultFolder.sheetName(line))"
            // Pictures are not needed any more, and there may be many.
            line.result = .success(ranking.withoutPictures)
        } catch { line.result = .failure(error) }
        rankings.append(line)
        print("  \(line.line)")
        // A killed run keeps what it has ranked.
        try append(line, to: "\(folder.path)/ranking.jsonl.partial", first: rankings.count == 1)
    }

    /// Writes `ranking.jsonl`.
    func finish(_ folder: inout MaskFolder) throws(Failure) {
        let text = rankings.map { $0.json(reranker.scorer.info).text + "\n" }.joined()
        try folder.write(Array(text.utf8), "ranking.jsonl")
        unlink("\(folder.path)/ranking.jsonl.partial")
    }

    private func append(_ line: RankingReport, to path: String, first: Bool) throws(Failure) {
        let text = Array((line.json(reranker.scorer.info).text + "\n").utf8)
        guard let file = fopen(path, first ? "wb" : "ab") else {
            throw Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
        }
        let written = fwrite(text, 1, text.count, file) == text.count
        guard fclose(file) == 0, written else {
            throw Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
        }
    }
}

extension Ranking {
    /// The same without images and heatmaps.
    var withoutPictures: Ranking {
        var result = self
        result.originalHeatmap = nil
        for index in result.entries.indices {
            result.entries[index].candidate.image = nil
            result.entries[index].heatmap = nil
        }
        return result
    }
}
