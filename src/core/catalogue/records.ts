/** What each code of a record says, in one plain sentence without values: values may be personal data. */
import type { Texts } from '../language.ts';

export const RECORD_TEXTS = {
  QUOTE_MALFORMED: {
    en: 'a quote stands inside a field that does not begin with one, or text follows a closing quote',
    'pt-BR': 'há aspas dentro de um campo que não começa com aspas, ou texto depois das aspas de fechamento',
  },
  FIELD_COUNT: {
    en: 'the number of fields differs from the header',
    'pt-BR': 'o número de campos é diferente do cabeçalho',
  },
  UTF8_INVALID: { en: 'the field is not valid UTF-8', 'pt-BR': 'o campo não é UTF-8 válido' },
  CHARACTER_INVALID: {
    en: 'the field holds a control character',
    'pt-BR': 'o campo contém um caractere de controle',
  },
  REQUIRED: { en: 'the field is required and is empty', 'pt-BR': 'o campo é obrigatório e está vazio' },
  LENGTH: { en: 'the field is too short or too long', 'pt-BR': 'o campo é curto ou longo demais' },
  CPF_FORMAT: {
    en: 'a CPF has 11 digits, bare or as 000.000.000-00',
    'pt-BR': 'um CPF tem 11 dígitos, sem pontuação ou como 000.000.000-00',
  },
  CPF_REPEATED: {
    en: 'a CPF is not one digit repeated',
    'pt-BR': 'um CPF não é um único dígito repetido',
  },
  CPF_CHECK_DIGITS: {
    en: 'the check digits of the CPF do not match',
    'pt-BR': 'os dígitos verificadores do CPF não conferem',
  },
  AMOUNT_FORMAT: {
    en: 'an amount is written 1234, 1234.5 or 1234.56, or as the profile has it',
    'pt-BR': 'um valor se escreve 1234, 1234.5 ou 1234.56, ou como define o perfil',
  },
  AMOUNT_NOT_POSITIVE: {
    en: 'the amount must be above zero',
    'pt-BR': 'o valor deve ser maior que zero',
  },
  AMOUNT_TOO_LARGE: {
    en: 'the amount must be below 10000000000000',
    'pt-BR': 'o valor deve ser menor que 10000000000000',
  },
  DATE_FORMAT: {
    en: 'a date is written YYYY-MM-DD, or as the profile has it',
    'pt-BR': 'uma data se escreve AAAA-MM-DD, ou como define o perfil',
  },
  DATE_NOT_REAL: { en: 'the day does not exist', 'pt-BR': 'o dia não existe' },
  EMAIL_FORMAT: { en: 'the e-mail address is not valid', 'pt-BR': 'o endereço de e-mail não é válido' },
  PHONE_FORMAT: { en: 'a telephone has 8 to 15 digits', 'pt-BR': 'um telefone tem de 8 a 15 dígitos' },
  INSTALLMENT_FORMAT: {
    en: 'an instalment is written 3 or 3/12',
    'pt-BR': 'uma parcela se escreve 3 ou 3/12',
  },
  CNPJ_FORMAT: {
    en: 'a CNPJ has 12 digits or capital letters and 2 check digits, bare or as AA.AAA.AAA/AAAA-00',
    'pt-BR':
      'um CNPJ tem 12 dígitos ou letras maiúsculas e 2 dígitos verificadores, sem pontuação ou como AA.AAA.AAA/AAAA-00',
  },
  CNPJ_ZEROS: { en: 'a CNPJ is not all zeros', 'pt-BR': 'um CNPJ não é só de zeros' },
  CNPJ_CHECK_DIGITS: {
    en: 'the check digits of the CNPJ do not match',
    'pt-BR': 'os dígitos verificadores do CNPJ não conferem',
  },
  DOCUMENT_KIND_UNKNOWN: {
    en: 'the column that tells CPF from CNPJ holds none of the words that the profile gives',
    'pt-BR': 'a coluna que distingue CPF de CNPJ não contém nenhuma das palavras definidas no perfil',
  },
  LINE_LENGTH: {
    en: 'a line has more or fewer bytes than lines of this format have',
    'pt-BR': 'uma linha tem mais ou menos bytes do que têm as linhas deste formato',
  },
  LINE_UNKNOWN: {
    en: 'the line is of no type that the format has',
    'pt-BR': 'a linha não é de nenhum tipo que o formato tem',
  },
  JSON_INVALID: { en: 'the line is not one JSON object', 'pt-BR': 'a linha não é um objeto JSON' },
  JSON_TOO_LARGE: {
    en: 'the object has more than 256 keys, or values more than 32 levels deep',
    'pt-BR': 'o objeto tem mais de 256 chaves, ou valores em mais de 32 níveis',
  },
  JSON_KEY_UNKNOWN: {
    en: 'the object has a key that no column has',
    'pt-BR': 'o objeto tem uma chave que nenhuma coluna tem',
  },
  JSON_KEY_REPEATED: {
    en: 'the object has a key twice',
    'pt-BR': 'o objeto tem uma chave repetida',
  },
  JSON_VALUE: {
    en: 'the value of a column must be a text, a number or null',
    'pt-BR': 'o valor de uma coluna deve ser um texto, um número ou null',
  },
  CNAB_LINE_ALONE: {
    en: 'the line belongs to a debt, but none begins before it (segment P, or the first type of line)',
    'pt-BR': 'a linha pertence a um título, mas nenhum começa antes dela (segmento P, ou o primeiro tipo de linha)',
  },
  CNAB_MATE_MISSING: {
    en: 'segment P is not followed by its segment Q',
    'pt-BR': 'o segmento P não é seguido do seu segmento Q',
  },
  CNAB_MOVEMENT: {
    en: 'the movement does not enter a debt (01 does; a profile can name others)',
    'pt-BR': 'o movimento não é a entrada de um título (01 é; um perfil pode indicar outros)',
  },
  CODE_FAILED: {
    en: 'the module that reads these files failed at this record; whoever runs the engine can say more',
    'pt-BR': 'o módulo que lê estes arquivos falhou neste registro; quem opera o sistema pode dizer mais',
  },
  DUE_DATE_NOT_PAST: {
    en: 'the due date is not before the business date',
    'pt-BR': 'o vencimento não é anterior à data de referência',
  },
  DEBT_PRESCRIBED: {
    en: 'the debt fell due longer ago than the rules accept (by default five years)',
    'pt-BR': 'a dívida venceu há mais tempo do que as regras aceitam (por padrão, cinco anos)',
  },
  AMOUNT_BELOW_MINIMUM: {
    en: "the amount is below the client's minimum",
    'pt-BR': 'o valor está abaixo do mínimo do cliente',
  },
  AMOUNT_ABOVE_MAXIMUM: {
    en: "the amount is above the client's maximum",
    'pt-BR': 'o valor está acima do máximo do cliente',
  },
  DEBT_ERASED: {
    en: 'the debt was erased on request and is not registered again',
    'pt-BR': 'a dívida foi eliminada a pedido e não é registrada de novo',
  },
  REF_REPEATED: {
    en: 'the external_ref stands in several records of this file, which the profile refuses',
    'pt-BR': 'o external_ref consta de vários registros deste arquivo, o que o perfil recusa',
  },
  DUPLICATE_REF: {
    en: 'the external_ref already stands in this file',
    'pt-BR': 'o external_ref já consta deste arquivo',
  },
  REF_REPLACED: {
    en: 'a later record of this file has the same external_ref and is registered in its place',
    'pt-BR': 'um registro posterior deste arquivo tem o mesmo external_ref e é registrado em seu lugar',
  },
  CPF_PADDED: {
    en: 'leading zeros were added to the CPF',
    'pt-BR': 'zeros à esquerda foram acrescentados ao CPF',
  },
  DEBT_NEAR_PRESCRIPTION: {
    en: 'the debt will soon be older than the rules accept (by default five years)',
    'pt-BR': 'a dívida em breve será mais antiga do que as regras aceitam (por padrão, cinco anos)',
  },
  CNPJ_PADDED: {
    en: 'leading zeros were added to the CNPJ',
    'pt-BR': 'zeros à esquerda foram acrescentados ao CNPJ',
  },
} as const satisfies Record<string, Texts>;

/** What the retorno says of a duplicate: the message, then the line that it repeats. */
export const ON_LINE: Texts = { en: ', on line ', 'pt-BR': ', na linha ' };
