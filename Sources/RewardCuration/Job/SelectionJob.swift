import Glibc
package import RewardModel
import RewardSelection

/// The whole of `select-finetune-data`: read and check the list, score, select, write, publish.
package struct SelectionJob {
    private let options: SelectionOptions
    private let loadScorer: () throws -> (any Scorer)?
    private let report: (String) -> Void

    /// - Parameters:
    ///   - scorer: loads the model; nil when none is named. Called when scores are missing, or a report is wanted.
    ///   - report: told about progress, for people.
    package init(
        _ options: SelectionOptions, scorer: @escaping () throws -> (any Scorer)?,
        report: @escaping (String) -> Void = { _ in }
    ) {
        self.options = options
        loadScorer = scorer
        self.report = report
    }

    /// Runs to the end; the output is there whole or not at all.
    ///
    /// - Returns: what `selection.json` says, and how many images were scored now, not found in the store.
    /// - Throws: `ListError` for faulty lines, `Failure` for files, models and arguments.
    package func run() throws -> (summary: SelectionSummary, newlyScored: Int) {
        guard let out = options.out, !options.isDryRun else { return try dryRun() }
        try refuseLinksIntoShards()
        let output = try OutputFolder(path: out, mark: Self.summaryName)
        do {
            if output.isFinished { try refuseOtherArguments("\(out)/\(Self.summaryName)") }
            let selected = try select(scratch: output.scratch)
            let (summary, contents) = (selected.summary, selected.contents)
            try OutputPass(
                list: selected.list, result: selected.result, formats: options.formats, link: options.link,
                scoreMask: contents.unscored == contents.candidates ? 0xf : contents.commonScores,
                folder: output.building, threads: options.threads
            ).run()
            try write(try summary.json(), to: "\(output.building)/\(Self.summaryName)")
            if options.writesReport {
                let page = try SelectionPage(
                    summary: summary, result: selected.result, list: selected.list, scorer: selected.scorer
                ).html()
                try write(Array(page.utf8), to: "\(output.building)/report.html")
            }
            try output.publish()
            return (summary, selected.newlyScored)
        } catch {
            output.discard()
            throw error
        }
    }

    private static let summaryName = "selection.json"

    /// A run killed after its output was in place, and run again, has nothing left to do; a run with other arguments
    /// must not find that out when all is scored.
    private func refuseOtherArguments(_ summary: String) throws(Failure) {
        let file = try SystemFile(path: summary)
        let bytes = try file.bytes(at: 0, count: try file.size())
        guard SelectionSummary.arguments(in: bytes) == SelectionSummary.Arguments(options) else {
            throw Failure(.fileError, "\(summary) is there, of a run with other arguments; nothing was done")
        }
    }

    private func dryRun() throws -> (summary: SelectionSummary, newlyScored: Int) {
        if let out = options.out {
            if OutputFolder.isFinished(out, mark: Self.summaryName) {
                try refuseOtherArguments("\(out)/\(Self.summaryName)")
            } else {
                try OutputFolder.checkFree(out)
            }
        }
        try refuseLinksIntoShards()
        let scratch = try makeTemporaryFolder("select-finetune-data")
        defer { try? Folders.remove(scratch) }
        let selected = try select(scratch: scratch)
        return (selected.summary, selected.newlyScored)
    }

    private func refuseLinksIntoShards() throws(Failure) {
        guard options.link != .copy, case .shards = try CandidateInput(paths: options.candidates) else { return }
        throw Failure(.invalidRequest, "images inside shards cannot be linked; use --link copy")
    }

    private struct Selected {
        var summary: SelectionSummary
        var result: SelectionResult
        var list: CandidateList
        var contents: ListContents
        var scorer: (any Scorer)?
        var newlyScored: Int
    }

    private func select(scratch: String) throws -> Selected {
        let (list, notes) = try CandidateInput(paths: options.candidates).open(scratch: scratch)
        // Where no image is looked at and nothing scored, selecting is quick: clashes are found on the way.
        let canWait = options.check == .none && !options.rule.deduplicates
        let pass = ListPass(
            list: list, rule: options.rule, threads: options.threads, scratch: scratch, checksClashes: !canWait)
        var contents = try pass.run()
        guard contents.candidates > 0 else { throw Failure(.invalidRequest, "\(list.name): no candidate in it") }
        var scorer: (any Scorer)?
        var newlyScored = 0
        if contents.unscored > 0 {
            if canWait { try pass.checkClashes(contents) }
            scorer = try loadScorer()
            guard let scorer else {
                let line = contents.firstUnscoredLine ?? 0
                throw Failure(
                    .invalidRequest,
                    "\(contents.unscored) candidates lack scores that the rule needs, the first in line \(line), and no model is named: give --model DIR or --server ADDRESS"
                )
            }
            let scored = try ScoringPass(
                list: list, rule: options.rule, scorer: scorer, store: try openStore(scorer, scratch), scratch: scratch,
                progress: { done, new in report("\(done) of \(contents.candidates) candidates, \(new) newly scored") }
            ).run()
            contents.records = scored.records
            newlyScored = scored.scored
        } else if options.writesReport {
            scorer = try loadScorer()
        }
        let result = try SelectionPass(
            list: list, rule: options.rule, records: contents.records, lastLine: contents.lastLine, scratch: scratch,
            threads: options.threads, check: options.check, seed: options.randomControl ?? 0,
            keepsRejects: options.writesRejects && !options.isDryRun,
            samples: options.writesReport ? options.reportPrompts : 0, findsClashes: canWait
        ).run()
        let summary = SelectionSummary(
            options: options, contents: contents, tally: result.tally,
            model: contents.unscored > 0 ? scorer?.info : nil,
            notes: notes + Self.notes(contents, scorer))
        return Selected(
            summary: summary, result: result, list: list, contents: contents, scorer: scorer, newlyScored: newlyScored)
    }

    private func openStore(_ scorer: any Scorer, _ scratch: String) throws(Failure) -> ScoreStore {
        // A dry run without a store leaves nothing behind.
        let path = options.store ?? options.out.map { Self.defaultStore($0) } ?? "\(scratch)/scores.sqlite"
        return try ScoreStore(path: path, model: scorer.info.digest)
    }

    private static func defaultStore(_ out: String) -> String {
        let (parent, name) = Folders.split(out)
        return Folders.join(parent == "." ? "./" : parent, "\(name).scores.sqlite")
    }

    private static func notes(_ contents: ListContents, _ scorer: (any Scorer)?) -> [String] {
        var notes: [String] = []
        if !contents.ignoredKeys.names.isEmpty {
            notes.append("keys that mean nothing here: \(contents.ignoredKeys.names.sorted().joined(separator: ", "))")
        }
        if contents.unscored > 0, contents.unscored < contents.candidates {
            notes.append("\(contents.unscored) candidates were scored here, the others came with scores")
        }
        if contents.unscored > 0, scorer?.info.config.trained == false {
            notes.append("the model is untrained: its scores mean nothing")
        }
        return notes
    }

    private func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let writer = try FileWriter(path: path)
        try writer.append(bytes)
        try writer.flush()
    }
}
