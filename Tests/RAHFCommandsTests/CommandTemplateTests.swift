import RAHFCommands
import Testing

@Suite struct CommandTemplateTests {
    private static let values = CommandTemplate.Values(
        image: "a b.png", mask: "m'.png", prompt: "x; $(rm -rf ~) `id` \"q\" {mask} \\", seed: 42, out: "o.png")

    @Test func wordsAreSplitAsAShellSplitsThem() throws {
        let template = try CommandTemplate(#"  run --in={image} '{mask} "b"' "c \" \\ \n" d\ e {out} '' "#)
        #expect(template.words == ["run", "--in={image}", "{mask} \"b\"", "c \" \\ \\n", "d e", "{out}", ""])
    }

    @Test func valuesAreFilledInWithinTheirWordsAndNeverReadAgain() throws {
        let template = try CommandTemplate("run {image} --mask={mask} {prompt} {seed}:{seed} {out} {other} {")
        #expect(
            template.filled(Self.values) == [
                "run", "a b.png", "--mask=m'.png", Self.values.prompt, "42:42", "o.png", "{other}", "{",
            ])
        #expect(template.usesSeed)
        var nul = Self.values
        nul.prompt = "a\0b"
        #expect(template.filled(nul) == nil)
    }

    @Test(arguments: [
        ("", CommandTemplate.Problem.empty), ("'' {image} {mask} {out}", .empty),
        ("run '{image} {mask} {out}", .openQuote("'")), ("run \"{image} {mask} {out}", .openQuote("\"")),
        ("run {image} {mask} {out} \\", .trailingBackslash), ("run {image} {mask}", .missing("{out}")),
        ("run {image} {out}", .missing("{mask}")), ("run {mask} {out}", .missing("{image}")),
        ("{image} {mask} {out}", .placeInProgram("{image}")),
    ])
    func faultyTemplatesAreRefused(text: String, problem: CommandTemplate.Problem) {
        #expect(throws: problem) { try CommandTemplate(text) }
    }

    @Test func noPromptEverBecomesTwoWordsOrNone() throws {
        let template = try CommandTemplate("run {image} {mask} p={prompt} {out}")
        var state: UInt64 = 6
        let alphabet = Array("ab '\"\\{}$;&|`\n\t*?~<>é")
        for _ in 0..<500 {
            var prompt = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                prompt.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            var values = Self.values
            values.prompt = prompt
            #expect(template.filled(values) == ["run", "a b.png", "m'.png", "p=\(prompt)", "o.png"])
        }
    }
}
