import RewardModel
import RewardSelection
import RewardTestSupport
import Testing

import RewardCuration

@Suite struct JobTests {
    /// Three prompts of four, five and one candidates; the k-th image of a prompt has the plausibility stated.
    private static let scores = [[0.2, 0.95, 0.9, 0.1], [0.5, 0.4, 0.3, 0.2, 0.8], [0.99]]

    /// Writes the images and a list, candidates of a prompt far apart.
    private func list(_ folder: String, ready: Bool = true) throws -> String {
        var text = ""
        for place in 0..<5 {
            for (prompt, scores) in Self.scores.enumerated() where place < scores.count {
                let name = "p\(prompt)-\(place).png"
                try write(picture(UInt64(prompt * 10 + place)), to: "\(folder)/\(name)")
                let ready = ready ? ", \"scores\": {\"plausibility\": \(scores[place])}" : ""
                text += "{\"prompt\": \"prompt \(prompt)\", \"image\": \"\(name)\"\(ready)}\n"
            }
        }
        try write(text, to: "\(folder)/list.jsonl")
        return "\(folder)/list.jsonl"
    }

    @Test func theDefaultIsThePapersRuleAsAnImagefolder() throws {
        try withTemporaryFolder { folder in
            let summary = try SelectionJob.run(try list(folder), out: "\(folder)/out")
            let files = try tree("\(folder)/out")
            #expect(
                Set(files.keys) == [
                    "imagefolder/train/000000.png", "imagefolder/train/000001.png", "imagefolder/train/metadata.jsonl",
                    "selection.json",
                ])
            let rows = try lines(files["imagefolder/train/metadata.jsonl"]).map(object)
            // In the list's order: the third prompt's only image stands before the first's second.
            #expect(rows.map { $0["text"] } == [.string("prompt 2"), .string("prompt 0")])
            #expect(rows.map { $0["score"] } == [.number(0.99), .number(0.95)])
            #expect(rows[0].keys.sorted() == ["file_name", "plausibility", "score", "source", "text"])
            #expect(files["imagefolder/train/000001.png"] == picture(1))
            #expect(summary.counts.kept == 2 && summary.counts.prompts == 3 && summary.counts.dropped == 8)
            #expect(summary.dropped["below_threshold"] == 7 && summary.dropped["outranked"] == 1)
            #expect(summary.promptsByCandidates == ["4": 1, "5": 1, "1": 1])
            #expect(summary.promptsByKept == ["0": 1, "1": 2])
            #expect(try Folders.names(folder).allSatisfy { !$0.hasPrefix(".") }, "nothing is left beside the output")
        }
    }

    @Test func theOutputDoesNotDependOnThreads() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder)
            var trees: [[String: [UInt8]]] = []
            for threads in [1, 2, 5] {
                _ = try SelectionJob.run(list, out: "\(folder)/out\(threads)") {
                    $0.threads = threads
                    $0.formats = [.imagefolder, .webdataset, .dpo, .list]
                    $0.rule.pairing = .bestWorst
                    $0.rule.choosesRandomControl = true
                    $0.randomControl = 4
                    $0.writesReport = true
                    $0.writesRejects = true
                }
                trees.append(try tree("\(folder)/out\(threads)"))
            }
            #expect(trees[0] == trees[1] && trees[1] == trees[2] && trees[0].count > 8)
        }
    }

    @Test func ordersAndTiesNeverChangeWhatIsKept() throws {
        try withTemporaryFolder { folder in
            var rows: [String] = []
            // Only the value 1 is above 0.8; two of a prompt are kept at most.
            let perfect = (0..<60).map { prompt in (0..<10).count { ($0 * 60 + prompt) * 31 % 4 == 3 } }
            let expected = Int((0.37 * Double(perfect.reduce(0) { $0 + min($1, 2) })).rounded(.up))
            for index in 0..<600 {
                rows.append(
                    "{\"prompt\":\"p\(index % 60)\",\"image\":\"i\(index * 7919 % 1000).png\",\"scores\":{\"plausibility\":\(Double(index * 31 % 4) / 3)}}"
                )
            }
            var kept: Set<[String]> = []
            var dice = Numbers(1)
            for round in 0..<6 {
                for index in rows.indices.reversed() { rows.swapAt(index, dice.next(index + 1)) }
                try write(rows.joined(separator: "\n"), to: "\(folder)/list\(round).jsonl")
                _ = try SelectionJob.run("\(folder)/list\(round).jsonl", out: "\(folder)/out\(round)") {
                    $0.formats = [.list]
                    $0.check = .none
                    $0.rule.topFraction = 0.37
                    $0.rule.best = 2
                }
                kept.insert(lines(try contents("\(folder)/out\(round)/selected.jsonl")).sorted())
            }
            #expect(kept.count == 1 && kept.first?.count == expected && expected > 5)
        }
    }

    @Test func faultyListsAreRefusedByLineBeforeAnythingIsScored() throws {
        let rows = [
            #"{"prompt":"a","image":"1.png","scores":{"plausibility":0.5}}"#,
            #"{"prompt":"a","image":"1.png","scores":{"plausibility":0.5}}"#,
            #"{"prompt":"b","image":"2.png","group":"g"}"#, "", #"{"prompt":"c","image":"3.png","group":"g"}"#,
        ]
        try withTemporaryFolder { folder in
            for (check, name) in [(ImageCheck.decode, "x"), (.none, "y")] {
                let scorer = PixelScorer()
                try write(rows.joined(separator: "\n"), to: "\(folder)/\(name).jsonl")
                let error = #expect(throws: ListError.self) {
                    try SelectionJob.run("\(folder)/\(name).jsonl", out: "\(folder)/out", scorer: scorer) {
                        $0.check = check
                    }
                }
                #expect(error?.total == 2)
                #expect(error?.problems.map(\.line) == [2, 5])
                #expect(error?.problems[0].text == #"the same image and prompt as line 1: "1.png""#)
                #expect(error?.problems[1].text == #"group "g" has the prompt "c" here and "b" in line 3"#)
                #expect(scorer.count == 0 && Folders.kind("\(folder)/out") == nil)
            }
        }
    }

    @Test func scoresThatAreNoScoresAreRefused() throws {
        try withTemporaryFolder { folder in
            let rows = [
                #"{"prompt":"a","image":"1.png","scores":{"plausibility":NaN}}"#,
                #"{"prompt":"a","image":"2.png","scores":{"plausibility":1.5}}"#,
                #"{"prompt":"a","image":"3.png","scores":{"plausibility":-0.1,"overall":2}}"#,
                #"{"prompt":"","image":"4.png","scores":{"plausibility":1}}"#, "nonsense",
            ]
            try write(rows.joined(separator: "\n"), to: "\(folder)/list.jsonl")
            let error = #expect(throws: ListError.self) {
                try SelectionJob.run("\(folder)/list.jsonl", out: "\(folder)/out")
            }
            #expect(error?.problems.map(\.line) == [1, 2, 3, 3, 4, 5] && error?.total == 6)
            #expect(error?.problems[1].text == "plausibility is 1.5; scores lie in [0, 1]")
        }
    }

    @Test func anOutputThatIsNotEmptyIsRefusedAndAnEmptyOneTaken() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder)
            try Folders.make("\(folder)/out")
            try write("mine", to: "\(folder)/out/notes.txt")
            let error = #expect(throws: Failure.self) { try SelectionJob.run(list, out: "\(folder)/out") }
            #expect(error?.message.contains("is not empty") == true)
            #expect(try tree("\(folder)/out") == ["notes.txt": Array("mine".utf8)])
            try Folders.make("\(folder)/empty")
            _ = try SelectionJob.run(list, out: "\(folder)/empty/")
            #expect(try tree("\(folder)/empty")["selection.json"] != nil)
        }
    }

    @Test func whatIsFinishedMayRunAgainAndAnythingElseLeavesItAsItIs() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder, ready: false)
            func run(_ scorer: PixelScorer, _ change: (inout SelectionOptions) -> Void = { _ in }) throws -> Int {
                try SelectionJob.run(list, out: "\(folder)/out", scorer: scorer) {
                    $0.formats = [.imagefolder, .webdataset]
                    $0.rule.threshold = nil
                    change(&$0)
                }.counts.kept
            }
            let kept = try run(PixelScorer())
            let before = try tree("\(folder)/out")
            let again = PixelScorer()
            #expect(try run(again) == kept && again.count == 0)
            #expect(try run(PixelScorer()) { $0.isDryRun = true } == kept, "a dry run judges as the run would")
            #expect(throws: Failure.self) {
                try run(PixelScorer()) {
                    $0.isDryRun = true
                    $0.rule.best = 2
                }
            }
            let other = PixelScorer()
            let early = #expect(throws: Failure.self) { try run(other) { $0.rule.best = 2 } }
            #expect(early?.message.contains("of a run with other arguments; nothing was done") == true)
            // The same arguments, one candidate more: only the end can tell.
            try write(picture(99), to: "\(folder)/new.png")
            let text = String(decoding: try contents(list), as: UTF8.self)
            try Folders.remove(list)
            try write(text + "{\"prompt\": \"prompt 9\", \"image\": \"new.png\"}\n", to: list)
            let late = #expect(throws: Failure.self) { try run(other) }
            #expect(late?.message.contains("holds another selection (") == true)
            #expect(other.count == 1, "no score is lost by it")
            #expect(try tree("\(folder)/out") == before)
            #expect(try Folders.names(folder).allSatisfy { !$0.hasPrefix(".") })
        }
    }

    @Test func missingAndBrokenAndRefusedCandidatesAreCountedAndNeverKept() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder, ready: false)
            try write([0x89, 0x50], to: "\(folder)/broken.png")
            let more =
                #"{"prompt":"prompt 0","image":"broken.png"}"# + "\n"
                + #"{"prompt":"prompt 0","image":"gone.png"}"# + "\n" + #"{"prompt":"refused","image":"p0-0.png"}"#
                + "\n"
            try write(try contents(list) + Array(more.utf8), to: "\(folder)/more.jsonl")
            let scorer = PixelScorer()
            let summary = try SelectionJob.run("\(folder)/more.jsonl", out: "\(folder)/out", scorer: scorer) {
                $0.rule.threshold = nil
                $0.writesRejects = true
            }
            #expect(summary.dropped["missing_image"] == 1 && summary.dropped["broken_image"] == 1)
            #expect(summary.dropped["unscorable"] == 1)
            #expect(summary.counts.kept == 3 && summary.counts.candidates == 13)
            let reasons = try lines(try contents("\(folder)/out/rejected.jsonl")).map(object)
            #expect(
                reasons.suffix(3).map { $0["reason"] } == [
                    .string("broken_image"), .string("missing_image"), .string("unscorable"),
                ])
        }
    }

    @Test func nothingInTheStoreIsScoredAgain() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder, ready: false)
            // The engine dies after seven images; a batch of eight is lost with it, but no finished batch.
            let failure = #expect(throws: Failure.self) {
                try SelectionJob.run(list, out: "\(folder)/out", scorer: PixelScorer(dies: 9)) {
                    $0.rule.threshold = nil
                }
            }
            #expect(failure?.message == "the engine is gone" && Folders.kind("\(folder)/out") == nil)
            let second = PixelScorer()
            _ = try SelectionJob.run(list, out: "\(folder)/out", scorer: second) { $0.rule.threshold = nil }
            #expect(second.count == 2, "ten images, eight in the store")
            let fresh = PixelScorer()
            _ = try SelectionJob.run(list, out: "\(folder)/other", scorer: fresh) { $0.rule.threshold = nil }
            #expect(fresh.count == 10)
            let (one, other) = (try tree("\(folder)/out"), try tree("\(folder)/other"))
            #expect(one == other)
            let third = PixelScorer()
            _ = try SelectionJob.run(list, out: "\(folder)/third", scorer: third) {
                $0.rule.threshold = nil
                $0.store = "\(folder)/other.scores.sqlite"
            }
            #expect(third.count == 0)
        }
    }

    @Test func oneImageUnderOnePromptIsScoredOnce() throws {
        try withTemporaryFolder { folder in
            for index in 0..<20 { try write(picture(1), to: "\(folder)/\(index).png") }
            try write(
                (0..<20).map { "{\"prompt\":\"p\",\"image\":\"\($0).png\"}" }.joined(separator: "\n"),
                to: "\(folder)/list.jsonl")
            let scorer = PixelScorer()
            let summary = try SelectionJob.run("\(folder)/list.jsonl", out: "\(folder)/out", scorer: scorer) {
                $0.rule.threshold = nil
                $0.rule.best = 9
                $0.rule.deduplicates = true
            }
            #expect(scorer.count == 1 && summary.counts.kept == 1 && summary.dropped["duplicate"] == 19)
            // Of equals, the one whose path sorts first.
            #expect(
                try object(lines(try contents("\(folder)/out/imagefolder/train/metadata.jsonl"))[0])["source"]
                    == .string("0.png"))
        }
    }

    @Test func missingScoresWithoutAModelAreAnError() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder)
            let failure = #expect(throws: Failure.self) {
                try SelectionJob.run(list, out: "\(folder)/out") { $0.rule.minimums[1] = 0.5 }
            }
            #expect(
                failure?.message.contains("10 candidates lack scores that the rule needs, the first in line 1") == true)
        }
    }

    @Test func aDryRunSaysTheSameAndWritesNothing() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder)
            let before = try Folders.names(folder)
            let dry = try SelectionJob.run(list, out: "\(folder)/out") { $0.isDryRun = true }
            #expect(try Folders.names(folder) == before)
            let wet = try SelectionJob.run(list, out: "\(folder)/out")
            let (one, other) = (try dry.json(), try wet.json())
            #expect(one == other)
        }
    }

    @Test func linksPointToTheSourcesAndShardsCannotBeLinked() throws {
        try withTemporaryFolder { folder in
            let list = try list(folder)
            for link in [ImageLink.hard, .symbolic] {
                _ = try SelectionJob.run(list, out: "\(folder)/\(link)") { $0.link = link }
                #expect(try contents("\(folder)/\(link)/imagefolder/train/000001.png") == picture(1))
            }
            let writer = try TarWriter(path: "\(folder)/a.tar")
            try writer.add("0.png", picture(1))
            try writer.add("0.txt", Array("p".utf8))
            try writer.finish()
            let failure = #expect(throws: Failure.self) {
                try SelectionJob.run("\(folder)/a.tar", out: "\(folder)/x") { $0.link = .hard }
            }
            #expect(failure?.message.contains("cannot be linked") == true)
        }
    }

    @Test func foldersAndShardsAndListsOfTheSameCandidatesGiveTheSameSet() throws {
        try withTemporaryFolder { folder in
            try Folders.make("\(folder)/prompts")
            let writer = try TarWriter(path: "\(folder)/shard.tar")
            var text = ""
            for prompt in 0..<3 {
                try Folders.make("\(folder)/prompts/p\(prompt)")
                if prompt > 0 { try write("the prompt \(prompt)\n", to: "\(folder)/prompts/p\(prompt)/prompt.txt") }
                let words = prompt > 0 ? "the prompt \(prompt)" : "p0"
                for place in 0..<3 {
                    let bytes = picture(UInt64(prompt * 10 + place))
                    try write(bytes, to: "\(folder)/prompts/p\(prompt)/\(place).png")
                    try writer.add("p\(prompt)-\(place).png", bytes)
                    if place == 0 {
                        try writer.add("p\(prompt)-\(place).json", Array("{\"prompt\":\"\(words)\",\"seed\":1}".utf8))
                    } else {
                        try writer.add("p\(prompt)-\(place).txt", Array(words.utf8))
                    }
                    text += "{\"prompt\":\"\(words)\",\"image\":\"prompts/p\(prompt)/\(place).png\"}\n"
                }
            }
            try writer.finish()
            try write(text, to: "\(folder)/list.jsonl")
            var sets: [[[String: JSONAny]]] = []
            for input in ["prompts", "shard.tar", "list.jsonl"] {
                _ = try SelectionJob.run("\(folder)/\(input)", out: "\(folder)/out-\(input)", scorer: PixelScorer()) {
                    $0.rule.threshold = nil
                }
                let files = try tree("\(folder)/out-\(input)/imagefolder/train")
                #expect(files.count == 4)
                var rows = try lines(files["metadata.jsonl"]).map(object)
                for index in rows.indices { rows[index]["source"] = nil }
                sets.append(rows)
            }
            #expect(sets[0] == sets[1] && sets[1] == sets[2])
        }
    }
}
