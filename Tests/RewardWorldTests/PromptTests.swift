import RewardData
import RewardModel
import RewardWorld
import Testing

/// Prompts say what their specs say, and their labels are true.
@Suite struct PromptTests {
    struct Case {
        var scene: SceneSpec
        var claim: SceneSpec
        var truth: PromptTruth
    }

    private static func cases(_ count: Int, contradict: Bool) -> [Case] {
        (0..<count).map { index in
            var planning = WorldRandom(seed: 21, index: index, purpose: .scene)
            let scene = ScenePlanner.scene(photograph: index % 5 == 0 ? "a lake at dawn" : nil, &planning)
            let claim = contradict ? ScenePlanner.contradicting(scene, &planning) : scene
            var wording = WorldRandom(seed: 21, index: index, purpose: .prompt)
            return Case(scene: scene, claim: claim, truth: PromptWriter.write(claim, about: scene, &wording))
        }
    }

    @Test(arguments: [false, true])
    func promptsReadBackAsTheirClaims(contradict: Bool) {
        for item in Self.cases(3000, contradict: contradict) {
            let read = PromptReader(item.truth.prompt)
            #expect(read.groups == PromptReader.terms(item.claim), "\(item.truth.prompt)")
            #expect(read.relation == item.claim.relation?.rawValue, "\(item.truth.prompt)")
        }
    }

    @Test(arguments: [false, true])
    func promptsPassThePapersFilterAndSplitIntoTheirWords(contradict: Bool) throws {
        for item in Self.cases(3000, contradict: contradict) {
            #expect(PromptFilter.rejection(of: item.truth.prompt) == nil, "\(item.truth.prompt)")
            let words = try PromptText.parse(item.truth.prompt).words.map(\.text)
            for word in item.truth.contradicted {
                #expect(words[word.index] == word.word, "\(item.truth.prompt)")
            }
        }
    }

    @Test func truePromptsContradictNothing() {
        for item in Self.cases(2000, contradict: false) {
            #expect(item.truth.contradicted.isEmpty && item.truth.falseFacts == 0)
            #expect(TrueScores.alignment(item.truth) == 1)
        }
    }

    /// Each category's words are marked exactly where claim and scene differ in it.
    @Test func wordsAreMarkedWhereClaimAndSceneDiffer() {
        for item in Self.cases(3000, contradict: true) {
            var expected: [WordCategory: Int] = [:]
            for (index, group) in item.claim.groups.enumerated() {
                let truth = item.scene.groups.count > index ? item.scene.groups[index] : nil
                if truth?.colour != group.colour { expected[.colour, default: 0] += 1 }
                if truth?.count != group.count { expected[.number, default: 0] += 1 }
                if truth?.shape != group.shape { expected[.shape, default: 0] += 1 }
                if group.pattern != .plain, truth?.pattern != group.pattern { expected[.texture, default: 0] += 1 }
                let claimed = Set((group.place?.rawValue ?? "").split(separator: " "))
                let real = Set((truth?.place?.rawValue ?? "").split(separator: " "))
                let wrong = claimed.subtracting(real).count
                if wrong > 0 { expected[.position, default: 0] += wrong }
            }
            if item.claim.relation != item.scene.relation { expected[.position, default: 0] += 1 }
            let found = Dictionary(grouping: item.truth.contradicted, by: \.category).mapValues(\.count)
            #expect(found == expected, "\(item.truth.prompt)")
            #expect(!item.truth.contradicted.isEmpty)
        }
    }

    @Test func everyCategoryOfSceneWordsIsContradictedOftenEnough() {
        let counts = Dictionary(
            grouping: Self.cases(2000, contradict: true).flatMap(\.truth.contradicted), by: \.category
        ).mapValues(\.count)
        for category in [WordCategory.colour, .number, .shape, .position, .texture] {
            #expect(counts[category, default: 0] > 100, "\(category)")
        }
    }
}
