import RewardModel

/// One line of `ranking.jsonl`.
struct RankingReport {
    var original: String
    var mask: String
    var prompt: String
    var result: Result<Ranking, Failure>
    /// The copy of the chosen picture, when one was made.
    var chosenCopy: String?
    var sheet: String?

    func json(_ info: ModelInfo) -> JSON {
        var fields: [(String, JSON)] = [
            ("original", .string(original)), ("mask", .string(mask)), ("prompt", .string(prompt)),
        ]
        switch result {
        case .failure(let failure):
            fields.append(("verdict", .string("error")))
            fields.append(
                ("error", .object([("code", .string(failure.code.rawValue)), ("message", .string(failure.message))])))
        case .success(let ranking):
            fields.append(("verdict", .string(ranking.winner == nil ? "original_kept" : "repaired")))
            fields.append(("chosen", .string(ranking.winner?.candidate.path ?? original)))
            if let chosenCopy { fields.append(("copy", .string(chosenCopy))) }
            if let sheet { fields.append(("sheet", .string(sheet))) }
            fields += Self.figures(ranking.original)
            fields.append(
                ("candidates", .array(ranking.entries.enumerated().map { Self.json($1, rank: $0 + 1) })))
            fields.append(("notes", .array(ranking.notes.map(\.json))))
        }
        fields.append(("model", .object([("name", .string(info.name)), ("digest", .string(info.digest))])))
        return .object(fields)
    }

    private static func json(_ entry: Ranking.Entry, rank: Int) -> JSON {
        var fields: [(String, JSON)] = [("image", .string(entry.candidate.path))]
        if let seed = entry.candidate.seed { fields.append(("seed", .integer(seed))) }
        guard let assessment = entry.assessment else {
            fields.append(("status", .string("failed")))
            fields.append(("reason", .string(entry.candidate.problem ?? "not scored")))
            return .object(fields)
        }
        fields.append(("rank", .integer(rank)))
        fields.append(("status", .string(entry.isEligible ? "eligible" : "rejected")))
        if !entry.isEligible {
            fields.append(("objections", .array(entry.objections.map { .string($0.rawValue) })))
        }
        fields += figures(assessment)
        fields.append(("outside_changed", .number(assessment.outsideChanged)))
        return .object(fields)
    }

    private static func figures(_ assessment: Assessment) -> [(String, JSON)] {
        [
            ("scores", .object(ScoreKind.allCases.map { ($0.rawValue, .number(assessment.scores[$0])) })),
            ("masked_implausibility", .number(assessment.maskedImplausibility)),
        ]
    }

    /// One line for people.
    var line: String {
        switch result {
        case .failure(let failure): return "\(original)  \(failure.description)"
        case .success(let ranking):
            let before = ranking.original.scores.plausibility
            if let winner = ranking.winner, let after = winner.assessment?.scores.plausibility {
                return "\(original)  repaired by \(winner.candidate.path): plausibility \(before) to \(after)"
            }
            let failed = ranking.entries.filter { $0.assessment == nil }.count
            let rest = failed > 0 ? ", \(failed) of \(ranking.entries.count) candidates failed" : ""
            return "\(original)  the original wins, plausibility \(before)\(rest)"
        }
    }
}
