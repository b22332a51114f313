import FoundationEssentials
import RewardData
import RewardImage
import RewardModel
import Testing

@Suite struct ConsolidationTests {
    private func image(_ annotations: [Annotation], prompt: String = "a red cat", height: Int = 40) -> AnnotatedImage {
        AnnotatedImage(
            filename: "x/one.png", prompt: prompt, width: 30, height: height, group: "g", annotations: annotations)
    }

    private func annotation(_ score: Int, words: [Int] = [], points: [Point] = []) -> Annotation {
        Annotation(
            implausible: points, words: words, plausibility: score, alignment: 6 - score, aesthetics: 3, overall: score)
    }

    @Test func scoresAreMeansInTwelfths() throws {
        let record = try Consolidation.consolidate(image([annotation(1), annotation(2), annotation(4)]))
        #expect(record.scores == Scores(plausibility: 4 / 12, alignment: 8 / 12, aesthetics: 0.5, overall: 4 / 12))
        #expect(record.filename == "x/one.png" && record.group == "g" && record.prompt == "a red cat")
    }

    @Test func wordsGoByMajorityAndATieIsAligned() throws {
        let three = try Consolidation.consolidate(
            image([annotation(3, words: [1, 1, 2]), annotation(3, words: [1]), annotation(3, words: [0])]))
        #expect(three.misaligned == [false, true, false])
        let two = try Consolidation.consolidate(image([annotation(3, words: [1, 2]), annotation(3, words: [2])]))
        #expect(two.misaligned == [false, false, true])
    }

    @Test func thoseWhoSkippedAreLeftOut() throws {
        let record = try Consolidation.consolidate(image([annotation(5, words: [0]), .skip]))
        #expect(record.scores.plausibility == 1 && record.misaligned == [true, false, false])
        #expect(throws: FeedbackDataError.Reason.skippedByAll) { try Consolidation.consolidate(image([.skip, .skip])) }
    }

    /// The definition, pixel by pixel: the share of annotators with a point within height / 20 of the pixel's centre.
    @Test(arguments: [40, 13, 111, 3, 1])
    func mapsAreTheShareOfAnnotatorsWhoseDisksCoverThePixel(height: Int) throws {
        var generator = SplitMix(state: UInt64(height))
        let annotations = (0..<3).map { _ in
            let points = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                Point(
                    x: .random(in: 0...30, using: &generator), y: .random(in: 0...Double(height), using: &generator))
            }
            return annotation(3, points: points + [Point(x: 0, y: 0), Point(x: 30, y: Double(height))])
        }
        let record = try Consolidation.consolidate(image(annotations, height: height))
        let radius = Double(height) / 20
        let map = try #require(record.implausibility)
        #expect(map.width == 30 && map.height == height)
        for row in 0..<height {
            for column in 0..<30 {
                let marked = annotations.filter { annotation in
                    annotation.implausible.contains { point in
                        let (dx, dy) = (Double(column) + 0.5 - point.x, Double(row) + 0.5 - point.y)
                        return dx * dx + dy * dy <= radius * radius
                    }
                }.count
                #expect((map.values[row * 30 + column] - Float(marked) / 3).magnitude < 1e-6, "(\(column), \(row))")
            }
        }
        #expect(record.misalignment?.values.allSatisfy { $0 == 0 } == true)
    }

    @Test func contradictionsAreNamed() {
        func reason(_ image: AnnotatedImage) -> FeedbackDataError.Reason? {
            do throws(FeedbackDataError.Reason) {
                _ = try Consolidation.consolidate(image)
                return nil
            } catch { return error }
        }
        #expect(reason(image([])) == .invalidAnnotation("there are no annotations"))
        #expect(
            reason(image([annotation(3), annotation(6)]))
                == .invalidAnnotation("annotation 1 has the score 6, not 1 to 5"))
        #expect(
            reason(image([annotation(3, words: [3])]))
                == .invalidAnnotation("annotation 0 marks word 3 of a prompt of 3 words"))
        #expect(
            reason(image([annotation(3, points: [Point(x: 31, y: 0)])]))
                == .invalidAnnotation("annotation 0 has a point outside the image: (31.0, 0.0)"))
        #expect(reason(image([annotation(3)], prompt: " . ")) == .invalidPrompt(.noWords))
        var huge = image([annotation(3)])
        huge.width = .max
        #expect(reason(huge) == .invalidAnnotation("the image is \(Int.max)×40 pixels"))
    }

    @Test func thePromptFilterCountsWordsAndFindsEmoji() {
        #expect(PromptFilter.rejection(of: "a cat") == .tooFewWords)
        #expect(PromptFilter.rejection(of: "a red cat") == nil)
        #expect(PromptFilter.rejection(of: Array(repeating: "word", count: 20).joined(separator: ", ")) == nil)
        #expect(PromptFilter.rejection(of: Array(repeating: "word", count: 21).joined(separator: " ")) == .tooManyWords)
        #expect(PromptFilter.rejection(of: "...") == .noWords)
        for emoji in ["🐱", "❤️", "1️⃣", "👩‍🚀", "🇫🇷"] {
            #expect(PromptFilter.rejection(of: "a red cat \(emoji)") == .emoji, "\(emoji)")
        }
        #expect(PromptFilter.rejection(of: "4 cats™ at no. 7 © café * #1 → ♥ 猫") == nil)
    }

    @Test func linesReadBackAndMissingPartsHaveTheirMeaning() throws {
        let original = image([annotation(2, words: [1], points: [Point(x: 1.5, y: 2)]), .skip])
        #expect(try JSONDecoder().decode(AnnotatedImage.self, from: JSONEncoder().encode(original)) == original)
        let text = #"""
            {"filename":"a.png","prompt":"a b c","width":3,"height":4,"annotations":[{"skipped":true},
            {"implausible":[[1,2]],"plausibility":5,"alignment":4,"aesthetics":3,"overall":2}]}
            """#
        let read = try JSONDecoder().decode(AnnotatedImage.self, from: Data(text.utf8))
        #expect(read.annotations[0] == .skip && read.annotations[1].implausible == [Point(x: 1, y: 2)])
    }

    /// Lines from anywhere: reading one ends in a record in range or a typed error.
    @Test func damagedLinesAreErrorsOrRecordsInRange() throws {
        let original = image(
            [annotation(2, words: [1], points: [Point(x: 1.5, y: 2), Point(x: 29, y: 5)]), annotation(4), .skip],
            height: 7)
        let line = Array(try JSONEncoder().encode(original))
        let digits = Array("0123456789-.e,[]{}\":truenl".utf8)
        var generator = SplitMix(state: 21)
        var taken = 0
        for _ in 0..<20_000 {
            var damaged = line
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] =
                    digits[Int.random(in: 0..<digits.count, using: &generator)]
            }
            guard let read = try? JSONDecoder().decode(AnnotatedImage.self, from: Data(damaged)),
                read.width < 4096, read.height < 4096, let record = try? Consolidation.consolidate(read)
            else { continue }
            taken += 1
            #expect(ScoreKind.allCases.allSatisfy { (0...1).contains(record.scores[$0]) })
            #expect(record.implausibility?.values.allSatisfy { (0...1).contains($0) } == true)
            #expect(throws: Never.self) { try record.example() }
        }
        #expect(taken > 100)
    }
}
